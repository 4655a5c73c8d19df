import type { EndpointHealthState, EndpointState, PriorityGroup, UpstreamEndpoints } from './balancer.ts'
import { slowStartMs } from './slow-start.ts'
import { splitByZone } from './zones.ts'

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

/** What an upstream's settings and the edge have to say about its endpoints. */
export interface EndpointRules {
  /** The edge's own zone, when it is to be preferred; empty: none is. */
  readonly zone?: string
  /** Open requests that one endpoint takes of this worker [any number]. */
  readonly maxOpen?: number
}

/**
 * The endpoints of an upstream, grouped by priority. `previous` is the state before: an endpoint of the same id, URL,
 * priority and zone keeps its object, and with it its open requests, its time out and its turn. One that joins others,
 * and one that was unhealthy and is healthy again, starts slowly from `nowMs` on; the probes that brought it back also
 * end what passive health held against it. Throws a `TypeError` for a URL that is none: both sources have checked it.
 */
export function createUpstreamEndpoints(upstream: string, list: readonly EndpointFacts[], previous?: UpstreamEndpoints, nowMs = 0, { zone = '', maxOpen = Infinity }: EndpointRules = {}): UpstreamEndpoints {
  const byId = new Map<string, EndpointState>()
  const joinsOthers = previous !== undefined && previous.byId.size > 0
  for (const facts of [...list].sort(byPriorityThenId)) {
    const known = previous?.byId.get(facts.id)
    byId.set(facts.id, isSame(known, facts) ? updated(known, facts, nowMs) : newState(facts, joinsOthers ? nowMs : -Infinity))
  }
  const priorities = new Map<number, EndpointState[]>()
  for (const endpoint of byId.values()) {
    endpoint.maxOpen = maxOpen
    const group = priorities.get(endpoint.priority)
    if (group === undefined) priorities.set(endpoint.priority, [endpoint])
    else group.push(endpoint)
  }
  return { upstream, byId, groups: [...priorities].map(([priority, endpoints]) => zonedGroup(priority, endpoints, zone, previous)) }
}

/** Leaves an endpoint out until `untilMs` of the monotonic clock; an earlier instant does not shorten it. */
export function leaveOut(endpoint: EndpointState, untilMs: number): void {
  if (untilMs > endpoint.leftOutUntil) endpoint.leftOutUntil = untilMs
}

function byPriorityThenId(a: EndpointFacts, b: EndpointFacts): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function isSame(known: EndpointState | undefined, facts: EndpointFacts): known is EndpointState {
  return known !== undefined && known.url === facts.url && known.priority === facts.priority && known.zone === facts.zone
}

function updated(known: EndpointState, { weight, health }: EndpointFacts, nowMs: number): EndpointState {
  if (known.health === 'unhealthy' && health === 'healthy') comeBack(known, nowMs)
  known.weight = weight
  known.health = health
  return known
}

function comeBack(endpoint: EndpointState, nowMs: number): void {
  endpoint.slowSince = nowMs
  endpoint.leftOutUntil = 0
  Object.assign(endpoint.outcomes, noOutcomes)
}

const noOutcomes = { failuresInARow: 0, ended: 0, failed: 0, ejections: 0, ejectedUntil: 0 } as const

function newState({ id, url, weight, priority, zone, health }: EndpointFacts, slowSince: number): EndpointState {
  const facts = { id, url, ...placeOf(url), weight, priority, zone, health }
  return { ...facts, leftOutUntil: 0, slowSince, open: 0, maxOpen: Infinity, outcomes: { ...noOutcomes }, current: 0, latencyMs: 0, latencyAt: 0 }
}

/** A Unix socket has no host, and its path leads to the socket alone. */
function placeOf(url: string): Pick<EndpointState, 'origin' | 'basePath' | 'hostHeader'> {
  if (url.startsWith('unix:')) return { origin: url, basePath: '', hostHeader: 'localhost' }
  const { origin, host, pathname } = new URL(url)
  return { origin, basePath: pathname.replace(/\/+$/, ''), hostHeader: host }
}

function zonedGroup(priority: number, endpoints: readonly EndpointState[], zone: string, previous: UpstreamEndpoints | undefined): PriorityGroup {
  const before = previous?.groups.find((group) => group.priority === priority)?.zones
  return { ...groupOf(priority, endpoints), zones: splitByZone(endpoints, zone, (some) => groupOf(priority, some), before) }
}

function groupOf(priority: number, endpoints: readonly EndpointState[]): PriorityGroup {
  const usable = endpoints.filter((endpoint) => endpoint.weight > 0 && endpoint.health !== 'draining')
  const healthy = usable.filter((endpoint) => endpoint.health === 'healthy').length
  const isEven = usable.every((endpoint) => endpoint.weight === usable[0]!.weight)
  const heaviest = usable.reduce((most, { weight }) => Math.max(most, weight), 0)
  const slowUntil = usable.reduce((latest, { slowSince }) => Math.max(latest, slowSince + slowStartMs), -Infinity)
  return { priority, endpoints, usable: usable.length, healthy, isEven, heaviest, slowUntil, cursor: 0, zones: undefined }
}
