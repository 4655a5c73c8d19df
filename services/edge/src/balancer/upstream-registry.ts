import type { BalancerModule } from '@sluice/balancers/balancer'
import type { Upstream, UpstreamTls } from '@sluice/proto/config'
import { systemClock, type Clock } from '@sluice/service-kit'
import type { HeldCircuit } from './circuit-breaker.ts'
import { UpstreamState, type DiscoveredEndpoint, type EdgePlace, type EndpointOrders } from './upstream-state.ts'

export interface RegistryParts {
  readonly clock?: Clock
  readonly random?: () => number
  /** The edge's own [none]. */
  readonly zone?: string
  /** Of the edge; they share the limits of endpoints [1]. */
  readonly workers?: number
}

/** The upstreams of a worker by name; a state lives as long as its upstream is configured. */
export class UpstreamRegistry {
  private readonly states = new Map<string, UpstreamState>()
  private readonly discovered = new Map<string, { readonly endpoints: readonly DiscoveredEndpoint[]; readonly held: HeldCircuit }>()
  private readonly balancers: ReadonlyMap<string, BalancerModule>
  private readonly clock: Clock
  private readonly random: () => number
  private readonly place: EdgePlace
  private orders: ReadonlyMap<string, EndpointOrders> = new Map()

  constructor(balancers: ReadonlyMap<string, BalancerModule>, { clock = systemClock, random = Math.random, zone = '', workers = 1 }: RegistryParts = {}) {
    this.balancers = balancers
    this.clock = clock
    this.random = random
    this.place = { zone, workers }
  }

  /** The current upstreams. */
  all(): Iterable<UpstreamState> {
    return this.states.values()
  }

  /**
   * The states for these settings: known ones for upstreams that go on, new ones for new ones. Nothing changes in
   * them before `adopt`, so that a snapshot that is refused leaves no trace.
   */
  prepare(upstreams: Readonly<Record<string, Upstream>>): ReadonlyMap<string, UpstreamState> {
    const prepared = new Map<string, UpstreamState>()
    for (const [name, settings] of Object.entries(upstreams)) {
      const known = this.states.get(name)
      prepared.set(name, known !== undefined && isBalancedAlike(known.settings, settings) ? known : this.create(name, settings))
    }
    return prepared
  }

  /** Makes prepared states the current ones, with their new settings. */
  adopt(prepared: ReadonlyMap<string, UpstreamState>, settings: ReadonlyMap<string, Upstream>): void {
    this.states.clear()
    for (const [name, state] of prepared) {
      state.configure(settings.get(name)!)
      this.states.set(name, state)
    }
  }

  /** Discovery's word on one upstream, kept for when the upstream is configured later. Answers whether an address came or went. */
  discover(upstream: string, endpoints: readonly DiscoveredEndpoint[], held: HeldCircuit = undefined): boolean {
    this.discovered.set(upstream, { endpoints, held })
    const state = this.states.get(upstream)
    state?.hold(held)
    return state?.discover(endpoints) ?? false
  }

  /** Break-glass orders about endpoints, by upstream, in place of those before. Answers whether an address came or went. */
  obey(orders: ReadonlyMap<string, EndpointOrders>): boolean {
    this.orders = orders
    let isChanged = false
    for (const [name, state] of this.states) if (state.obey(orders.get(name))) isChanged = true
    return isChanged
  }

  /**
   * The origin of every endpoint that may be sent to, and for how many seconds what is open at it goes on once it may
   * not any more.
   */
  origins(): Map<string, number> {
    const origins = new Map<string, number>()
    for (const state of this.states.values()) {
      for (const origin of state.origins()) origins.set(origin, Math.max(state.settings.drainSeconds, origins.get(origin) ?? 0))
    }
    return origins
  }

  /** How connections to the current upstreams are encrypted. */
  tlsSettings(): Set<UpstreamTls | undefined> {
    return new Set([...this.states.values()].map((state) => state.settings.tls))
  }

  private create(name: string, settings: Upstream): UpstreamState {
    const balancer = this.balancers.get(settings.balancer)
    if (balancer === undefined) throw new Error(`there is no balancer "${settings.balancer}"`)
    const state = new UpstreamState(name, settings, balancer.createBalancer({ upstream: name, stickyCookie: settings.stickyCookie, random: this.random }), this.clock, this.place)
    state.obey(this.orders.get(name))
    const known = this.discovered.get(name)
    if (known === undefined) return state
    state.discover(known.endpoints)
    state.hold(known.held)
    return state
  }
}

/** Whether a balancer made for the one settings does for the others. */
function isBalancedAlike(one: Upstream, other: Upstream): boolean {
  const facts = ({ balancer, hashOn, stickyCookie }: Upstream) => JSON.stringify([balancer, hashOn, stickyCookie])
  return facts(one) === facts(other)
}
