/** Endpoints and registrations as discovery keeps them. */
import type { Bus } from '@sluice/buses/bus'
import { DeregisterReplySchema, DeregisterRequestSchema, EndpointHealth, RegisterReplySchema, RegisterRequestSchema, UpstreamStatesReplySchema, UpstreamStatesRequestSchema, type UpstreamState } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { callPeer, peers } from './peer-call.ts'

export interface Registration {
  readonly service: string
  readonly id: string
  readonly address: string
  readonly port: number
  readonly healthUrl: string
  readonly tags: string[]
  readonly version: string
  readonly datacenter: string
  readonly zone: string
  readonly weight: number
}

const healthNames: Readonly<Record<EndpointHealth, string>> = {
  [EndpointHealth.UNSPECIFIED]: 'unknown',
  [EndpointHealth.HEALTHY]: 'healthy',
  [EndpointHealth.UNHEALTHY]: 'unhealthy',
  [EndpointHealth.DRAINING]: 'draining',
}

/** Every call throws `dependency.discovery_unreachable` when discovery is away. */
export class Endpoints {
  readonly #bus: Bus
  readonly #scope: string

  constructor(bus: Bus, scope: string) {
    this.#bus = bus
    this.#scope = scope
  }

  /** The endpoints of one upstream, or of all; each under the name `upstream/id`. */
  async list(upstream: string): Promise<({ readonly name: string } & Record<string, unknown>)[]> {
    const types = { request: UpstreamStatesRequestSchema, reply: UpstreamStatesReplySchema }
    const states: UpstreamState[] = []
    for (let after = '', isMore = true; isMore; ) {
      const page = await callPeer(this.#bus, peers.discovery, subjects.upstreamStates(this.#scope), types, { scope: this.#scope, upstream, after })
      states.push(...page.states)
      after = page.next
      isMore = after !== ''
    }
    return states.flatMap((state) =>
      state.endpoints.map(({ id, url, weight, zone, priority, health, reason, tags, version, datacenter, changedAtMs }) => ({
        name: `${state.upstream}/${id}`, upstream: state.upstream, id, url, weight, zone, priority, health: healthNames[health] ?? 'unknown', reason, tags, version, datacenter,
        changedAt: changedAtMs === 0 ? null : new Date(changedAtMs).toISOString(),
      })),
    )
  }

  /** Registers, or is the heartbeat of what is registered. */
  register(registration: Registration): Promise<{ created: boolean; heartbeatSeconds: number }> {
    const types = { request: RegisterRequestSchema, reply: RegisterReplySchema }
    return callPeer(this.#bus, peers.discovery, subjects.register(this.#scope), types, { scope: this.#scope, ...registration })
  }

  /** Whether it was there. */
  async deregister(service: string, id: string): Promise<boolean> {
    const types = { request: DeregisterRequestSchema, reply: DeregisterReplySchema }
    const { existed } = await callPeer(this.#bus, peers.discovery, subjects.deregister(this.#scope), types, { scope: this.#scope, service, id })
    return existed
  }
}
