/**
 * What a worker keeps of one upstream across snapshots: its endpoints with their open requests and health, its
 * balancer's turn, and the share of retries it has left. A changed snapshot or discovery's word updates it in place,
 * so that requests that are running keep counting on the same objects.
 */
import { createUpstreamEndpoints, leaveOut, type EndpointFacts } from '@sluice/balancers/endpoints'
import type { Balancer, EndpointState, UpstreamEndpoints } from '@sluice/balancers/balancer'
import type { Upstream } from '@sluice/proto/config'
import { RetryBudget } from './retry-budget.ts'

/** How long an endpoint is left out after a connection to it failed. */
const leaveOutMs = 5000

/** Discovery's word on one endpoint. */
export interface DiscoveredEndpoint {
  readonly id: string
  readonly url: string
  readonly weight: number
  readonly zone: string
  readonly priority: number
  readonly health: EndpointFacts['health']
}

export class UpstreamState {
  readonly name: string
  settings: Upstream
  endpoints: UpstreamEndpoints
  readonly budget: RetryBudget
  private readonly balancer: Balancer
  private discovered: readonly DiscoveredEndpoint[] | undefined

  constructor(name: string, settings: Upstream, balancer: Balancer) {
    this.name = name
    this.settings = settings
    this.balancer = balancer
    this.budget = new RetryBudget(settings.retries.budgetPercent)
    this.endpoints = createUpstreamEndpoints(name, this.facts())
  }

  configure(settings: Upstream): void {
    this.settings = settings
    this.budget.percent = settings.retries.budgetPercent
    this.refresh()
  }

  discover(endpoints: readonly DiscoveredEndpoint[]): void {
    this.discovered = endpoints
    this.refresh()
  }

  pick(nowMs: number, tried: ReadonlySet<string> | undefined): EndpointState | undefined {
    return this.balancer.pick(this.endpoints, nowMs, tried)
  }

  /** A connection to it failed: it is left out for 5 s, unless passive health is switched off. */
  noteUnreachable(endpoint: EndpointState, nowMs: number): void {
    if (this.settings.health.passive) leaveOut(endpoint, nowMs + leaveOutMs)
  }

  private refresh(): void {
    this.endpoints = createUpstreamEndpoints(this.name, this.facts(), this.endpoints)
  }

  /** Static endpoints stand in the configuration and take their health from discovery; others come from there whole. */
  private facts(): EndpointFacts[] {
    if (this.settings.endpoints === undefined) return [...(this.discovered ?? [])]
    const health = new Map(this.discovered?.map((endpoint) => [endpoint.url, endpoint.health]))
    return this.settings.endpoints.map(({ url, weight, priority, zone }) => ({
      id: url, url, weight, priority, zone: zone ?? '', health: health.get(url) ?? 'healthy',
    }))
  }
}
