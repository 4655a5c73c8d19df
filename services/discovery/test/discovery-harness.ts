/** A discovery service on a local bus, given its configuration as control would. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { type ConfigRevision, ConfigServing } from '@sluice/buses/config-feed'
import { call } from '@sluice/buses/rpc'
import { subscribeSequenced } from '@sluice/buses/sequenced'
import { entitiesOf, SegmentedConfig } from '@sluice/proto/config'
import {
  DeregisterReplySchema, DeregisterRequestSchema, EndpointHealth, RegisterReplySchema, RegisterRequestSchema, UpstreamStateSchema, UpstreamStatesReplySchema, UpstreamStatesRequestSchema,
  type UpstreamState,
} from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { createLogger, MetricsRegistry, systemClock, type Service } from '@sluice/service-kit'
import type { Cleanup } from '@sluice/testkit'
import { createDiscovery } from '../src/service.ts'

const scope = 'default'

export interface DiscoveryUnderTest {
  readonly service: Service
  readonly bus: Bus
  readonly metrics: MetricsRegistry
  readonly directory: string
  readonly log: string[]
  /** States that were broadcast, in order. */
  readonly told: UpstreamState[]
  configure(upstreams: object, secrets?: Record<string, string>): void
  states(upstream?: string): Promise<UpstreamState[]>
  /** `id health` of each endpoint of an upstream. */
  healthOf(upstream: string): Promise<string[]>
  register(id: string, overrides?: object): Promise<{ created: boolean; heartbeatSeconds: number }>
  deregister(id: string): Promise<{ existed: boolean }>
}

export async function startDiscovery(t: Cleanup, options: { directory?: string; bus?: Bus; zone?: string } = {}): Promise<DiscoveryUnderTest> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'sluice-discovery-')))
  const bus = options.bus ?? (await busNamed('local').load()).createLocalBus()
  const log: string[] = []
  const logger = createLogger('discovery', { destination: { write: (line) => void log.push(line) } })
  const metrics = new MetricsRegistry()
  const service = createDiscovery({ bus, scope, logger, clock: systemClock, metrics, zone: options.zone ?? '', dataDirectory: directory })
  const told: UpstreamState[] = []
  subscribeSequenced(bus, subjects.upstreamState(scope), { onMessage: (body) => void told.push(fromBinary(UpstreamStateSchema, body)), onGap: () => {} })
  const configure = controlOf(bus)
  await service.start()
  t.after(async () => {
    await service.stop({ deadlineMs: 500 })
    if (options.bus === undefined) await bus.drain(100)
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
  })
  const states = (upstream = '') => allStates(bus, upstream)
  return {
    ...{ service, bus, metrics, directory, log, told, configure, states },
    healthOf: async (upstream) => (await states(upstream)).flatMap(({ endpoints }) => endpoints.map(({ id, health }) => `${id} ${nameOf(health)}`)),
    register: (id, overrides = {}) =>
      call(bus, subjects.register(scope), { request: RegisterRequestSchema, reply: RegisterReplySchema }, { scope, service: 'users', id, address: '127.0.0.1', port: 9001, ...overrides }, { timeoutMs: 1000 }),
    deregister: (id) => call(bus, subjects.deregister(scope), { request: DeregisterRequestSchema, reply: DeregisterReplySchema }, { scope, service: 'users', id }, { timeoutMs: 1000 }),
  }
}

/** Publishes documents with these upstreams, each as the next revision. */
function controlOf(bus: Bus): DiscoveryUnderTest['configure'] {
  let head: ConfigRevision | undefined
  const serving = new ConfigServing({ scope, head: async () => head, recent: () => undefined })
  serving.listen(bus, { queue: 'control' })
  return (upstreams, secrets = {}) => {
    const before = head
    head = { revision: (before?.revision ?? 0) + 1, config: SegmentedConfig.of(entitiesOf({ version: 1, upstreams: upstreams as never, secrets })), forcedRevision: 0 }
    serving.announce(bus, head, before)
  }
}

async function allStates(bus: Bus, upstream: string): Promise<UpstreamState[]> {
  const types = { request: UpstreamStatesRequestSchema, reply: UpstreamStatesReplySchema }
  const states: UpstreamState[] = []
  let after = ''
  do {
    const reply = await call(bus, subjects.upstreamStates(scope), types, { scope, upstream, after }, { timeoutMs: 2000 })
    states.push(...reply.states)
    after = reply.next
  } while (after !== '')
  return states
}

function nameOf(health: EndpointHealth): string {
  return Object.entries(EndpointHealth).find(([, value]) => value === health)![0]
}
