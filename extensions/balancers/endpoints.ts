import type { EndpointHealthState, EndpointState, PriorityGroup, UpstreamEndpoints } from './balancer.ts'

/** What is known of an endpoint, from the snapshot or from discovery. */
export interface EndpointFacts {
  /** Unique within the upstream; for static endpoints their URL. */
  readonly id: string
  readonly url: string
  readonly weight: number
  readonly priority: number
  readonly zone: string
  readonly health: EndpointHealthState
}

/**
 * The endpoints of an upstream, grouped by priority. `previous` is the state before: an endpoint of the same id, URL,
 * priority and zone keeps its object, and with it its open requests, its time out and its turn.
 * Throws a `TypeError` for a URL that is none: both sources of endpoints have checked it.
 */
export function createUpstreamEndpoints(upstream: string, list: readonly EndpointFacts[], previous?: UpstreamEndpoints): UpstreamEndpoints {
  const byId = new Map<string, EndpointState>()
  for (const facts of [...list].sort(byPriorityThenId)) byId.set(facts.id, stateOf(facts, previous?.byId.get(facts.id)))
  const priorities = new Map<number, EndpointState[]>()
  for (const endpoint of byId.values()) {
    const group = priorities.get(endpoint.priority)
    if (group === undefined) priorities.set(endpoint.priority, [endpoint])
    else group.push(endpoint)
  }
  return { upstream, byId, groups: [...priorities].map(([priority, endpoints]) => groupOf(priority, endpoints)) }
}

/** Leaves an endpoint out until `untilMs` of the monotonic clock; an earlier instant does not shorten it. */
export function leaveOut(endpoint: EndpointState, untilMs: number): void {
  if (untilMs > endpoint.leftOutUntil) endpoint.leftOutUntil = untilMs
}

function byPriorityThenId(a: EndpointFacts, b: EndpointFacts): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function stateOf(facts: EndpointFacts, known: EndpointState | undefined): EndpointState {
  if (known === undefined || known.url !== facts.url || known.priority !== facts.priority || known.zone !== facts.zone) return newState(facts)
  known.weight = facts.weight
  known.health = facts.health
  return known
}

function newState({ id, url, weight, priority, zone, health }: EndpointFacts): EndpointState {
  const { origin, host, pathname } = new URL(url)
  const basePath = pathname.replace(/\/+$/, '')
  return { id, url, origin, basePath, hostHeader: host, weight, priority, zone, health, leftOutUntil: 0, open: 0, current: 0 }
}

function groupOf(priority: number, endpoints: readonly EndpointState[]): PriorityGroup {
  const usable = endpoints.filter((endpoint) => endpoint.weight > 0 && endpoint.health !== 'draining')
  const healthy = usable.filter((endpoint) => endpoint.health === 'healthy').length
  const isEven = usable.every((endpoint) => endpoint.weight === usable[0]!.weight)
  return { priority, endpoints, usable: usable.length, healthy, isEven, cursor: 0 }
}
