import type { BalancerModule } from '@sluice/balancers/balancer'
import type { Upstream } from '@sluice/proto/config'
import { UpstreamState, type DiscoveredEndpoint } from './upstream-state.ts'

/** The upstreams of a worker by name; a state lives as long as its upstream is configured. */
export class UpstreamRegistry {
  private readonly states = new Map<string, UpstreamState>()
  private readonly discovered = new Map<string, readonly DiscoveredEndpoint[]>()
  private readonly balancers: ReadonlyMap<string, BalancerModule>

  constructor(balancers: ReadonlyMap<string, BalancerModule>) {
    this.balancers = balancers
  }

  /**
   * The states for these settings: known ones for upstreams that go on, new ones for new ones. Nothing changes in
   * them before `adopt`, so that a snapshot that is refused leaves no trace.
   */
  prepare(upstreams: Readonly<Record<string, Upstream>>): ReadonlyMap<string, UpstreamState> {
    const prepared = new Map<string, UpstreamState>()
    for (const [name, settings] of Object.entries(upstreams)) {
      const known = this.states.get(name)
      prepared.set(name, known !== undefined && known.settings.balancer === settings.balancer ? known : this.create(name, settings))
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

  /** Discovery's word on one upstream, kept for when the upstream is configured later. */
  discover(upstream: string, endpoints: readonly DiscoveredEndpoint[]): void {
    this.discovered.set(upstream, endpoints)
    this.states.get(upstream)?.discover(endpoints)
  }

  /** Every endpoint URL origin in use. */
  origins(): Set<string> {
    const origins = new Set<string>()
    for (const state of this.states.values()) {
      for (const endpoint of state.endpoints.byId.values()) origins.add(endpoint.origin)
    }
    return origins
  }

  private create(name: string, settings: Upstream): UpstreamState {
    const balancer = this.balancers.get(settings.balancer)
    if (balancer === undefined) throw new Error(`there is no balancer "${settings.balancer}"`)
    const state = new UpstreamState(name, settings, balancer.createBalancer())
    const known = this.discovered.get(name)
    if (known !== undefined) state.discover(known)
    return state
  }
}
