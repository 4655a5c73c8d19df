/**
 * Discovery's word on endpoints, followed by the host agent for all workers: whole states by request, changes by
 * sequenced broadcast, the last known on disk for a start without discovery.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { subscribeSequenced } from '@sluice/buses/sequenced'
import { fromBinary } from '@bufbuild/protobuf'
import { EndpointHealth, UpstreamStateSchema, UpstreamStatesReplySchema, UpstreamStatesRequestSchema, type UpstreamState } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import type { Logger } from '@sluice/service-kit'
import type { HeldCircuit } from '../balancer/circuit-breaker.ts'
import type { DiscoveredEndpoint } from '../balancer/upstream-state.ts'

export interface DiscoveryFeedParts {
  readonly bus: Bus
  readonly scope: string
  readonly directory: string
  readonly logger: Logger
  readonly onEndpoints: (upstream: string, endpoints: readonly DiscoveredEndpoint[], heldCircuit: HeldCircuit) => void
}

export interface DiscoveryFeed {
  stop(): Promise<void>
}

interface Known {
  readonly epochMs: number
  readonly version: number
  readonly endpoints: readonly DiscoveredEndpoint[]
  readonly heldCircuit?: HeldCircuit
}

const refreshMs = 10_000
const saveMs = 1000

/** Begins with what is on disk, then follows. Never waits for discovery. */
export async function createDiscoveryFeed(parts: DiscoveryFeedParts): Promise<DiscoveryFeed> {
  const follower = new DiscoveryFollower(parts)
  await follower.start()
  return follower
}

class DiscoveryFollower implements DiscoveryFeed {
  private readonly parts: DiscoveryFeedParts
  private readonly known = new Map<string, Known>()
  private readonly file: string
  private timers: NodeJS.Timeout[] = []
  private unsubscribe: () => void = () => undefined
  private dirty = false
  private asking = false

  constructor(parts: DiscoveryFeedParts) {
    this.parts = parts
    this.file = join(parts.directory, 'endpoints.json')
  }

  async start(): Promise<void> {
    await this.load()
    const { bus, scope } = this.parts
    const subscription = subscribeSequenced(bus, subjects.upstreamState(scope), {
      onMessage: (body) => this.take(fromBinary(UpstreamStateSchema, body)),
      onGap: () => void this.ask(),
    })
    this.unsubscribe = () => subscription.unsubscribe()
    this.timers = [setInterval(() => void this.ask(), refreshMs).unref(), setInterval(() => void this.save(), saveMs).unref()]
    void this.ask()
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer)
    this.unsubscribe()
    await this.save()
  }

  private async ask(): Promise<void> {
    const { bus, scope } = this.parts
    if (this.asking || bus.status !== 'connected') return
    this.asking = true
    const types = { request: UpstreamStatesRequestSchema, reply: UpstreamStatesReplySchema }
    try {
      let after = ''
      do {
        const reply = await call(bus, subjects.upstreamStates(scope), types, { scope, upstream: '', after }, { timeoutMs: 5000 })
        for (const state of reply.states) this.take(state)
        after = reply.next
      } while (after !== '')
    } catch {
      // Discovery is away: the last known endpoints stay, and passive health goes on.
    } finally {
      this.asking = false
    }
  }

  private take(state: UpstreamState): void {
    const before = this.known.get(state.upstream)
    const isOld = before !== undefined && (state.epochMs < before.epochMs || (state.epochMs === before.epochMs && state.version <= before.version))
    if (isOld) return
    const endpoints = state.endpoints.map(({ id, url, weight, zone, priority, health }) => ({ id, url, weight, zone, priority, health: healthNames[health] ?? 'healthy' }))
    const heldCircuit = state.heldCircuit === 'open' || state.heldCircuit === 'closed' ? state.heldCircuit : undefined
    this.known.set(state.upstream, { epochMs: state.epochMs, version: state.version, endpoints, heldCircuit })
    this.dirty = true
    this.parts.onEndpoints(state.upstream, endpoints, heldCircuit)
  }

  private async load(): Promise<void> {
    const text = await readFile(this.file, 'utf8').catch(() => '[]')
    try {
      for (const [upstream, known] of JSON.parse(text) as [string, Known][]) {
        this.known.set(upstream, { ...known, epochMs: 0, version: 0 })
        this.parts.onEndpoints(upstream, known.endpoints, known.heldCircuit)
      }
    } catch (error) {
      this.parts.logger.error({ err: error, file: this.file }, 'the endpoints on disk cannot be read and are passed over')
    }
  }

  private async save(): Promise<void> {
    if (!this.dirty) return
    this.dirty = false
    try {
      await mkdir(this.parts.directory, { recursive: true, mode: 0o700 })
      await writeFile(`${this.file}.tmp`, JSON.stringify([...this.known]), { mode: 0o600 })
      await rename(`${this.file}.tmp`, this.file)
    } catch (error) {
      this.parts.logger.error({ err: error, file: this.file }, 'the endpoints could not be kept on disk')
    }
  }
}

const healthNames: Record<EndpointHealth, DiscoveredEndpoint['health']> = {
  [EndpointHealth.UNSPECIFIED]: 'healthy',
  [EndpointHealth.HEALTHY]: 'healthy',
  [EndpointHealth.UNHEALTHY]: 'unhealthy',
  [EndpointHealth.DRAINING]: 'draining',
}
