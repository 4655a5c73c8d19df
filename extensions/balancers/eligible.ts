import type { EndpointState, PriorityGroup, UpstreamEndpoints, ZoneSplit } from './balancer.ts'

/** Who of a group takes part: the available ones, all that were not left out, or all that may serve at all. */
export type Admission = 0 | 1 | 2
const admitAvailable = 0
const admitNotLeftOut = 1
const admitAll = 2
const goldenRatio = 0.618_033_988_749_895

/** Whether an endpoint takes part under `admission`; rules 1 to 4 of `balancer.ts`. */
export function isAdmitted(endpoint: EndpointState, admission: Admission, nowMs: number, excluded: ReadonlySet<string> | undefined): boolean {
  if (endpoint.weight <= 0 || endpoint.health === 'draining' || endpoint.open >= endpoint.maxOpen) return false
  if (excluded !== undefined && excluded.has(endpoint.id)) return false
  if (admission === admitAll) return true
  return endpoint.leftOutUntil <= nowMs && (admission === admitNotLeftOut || endpoint.health === 'healthy')
}

/**
 * The group that serves under `admission`, undefined when none has an endpoint that takes part. Looks at as many
 * endpoints as stand before the first that does.
 */
function servingGroup(
  state: UpstreamEndpoints,
  admission: Admission,
  nowMs: number,
  excluded: ReadonlySet<string> | undefined,
): PriorityGroup | undefined {
  for (const group of state.groups) {
    if (admission === admitAvailable && group.healthy === 0) continue
    if (group.usable === 0) continue
    for (const endpoint of group.endpoints) if (isAdmitted(endpoint, admission, nowMs, excluded)) return group
  }
  return undefined
}

/** Whether less than half of the group is healthy, so that the verdicts are doubted. */
function isInPanic(group: PriorityGroup): boolean {
  return group.healthy * 2 < group.usable
}

/** What a balancer chooses from; each keeps one and has it filled at each pick. */
export interface Candidates {
  group: PriorityGroup | undefined
  admission: Admission
  /** From 0 to below 1, even over many picks: it tells whose attempt leaves the zone. */
  turn: number
}

/**
 * Fills `into` with the group that serves and who of it takes part, rules 1 to 5; false when there is nobody. `spread`, from
 * 0 to below 1, is the key's place where one key has to have one endpoint; without it attempts leave the zone in turns.
 */
export function findCandidates(into: Candidates, state: UpstreamEndpoints, nowMs: number, excluded: ReadonlySet<string> | undefined, spread = -1): boolean {
  into.group = servingGroup(state, admitAvailable, nowMs, excluded)
  if (into.group !== undefined) {
    const isFirstAttempt = excluded === undefined || excluded.size === 0
    into.admission = isFirstAttempt && isInPanic(into.group) ? admitNotLeftOut : admitAvailable
    if (into.group.zones !== undefined && isFirstAttempt && into.admission === admitAvailable) chooseZone(into, into.group.zones, nowMs, spread)
    return true
  }
  into.admission = admitNotLeftOut
  into.group = servingGroup(state, admitNotLeftOut, nowMs, excluded)
  if (into.group !== undefined) return true
  into.admission = admitAll
  into.group = servingGroup(state, admitAll, nowMs, excluded)
  return into.group !== undefined
}

/** The edge's own zone or the others; the other of the two when nobody of the one can take it. */
function chooseZone(into: Candidates, { local, others, localShare }: ZoneSplit, nowMs: number, spread: number): void {
  // The golden ratio's multiples fill the circle evenly however many there are (Weyl): no random number is needed.
  if (spread < 0) into.turn = (into.turn + goldenRatio) % 1
  const isLocal = (spread < 0 ? into.turn : spread) < localShare
  const chosen = isLocal ? local : others
  for (const endpoint of chosen.endpoints) {
    if (!isAdmitted(endpoint, admitAvailable, nowMs, undefined)) continue
    into.group = chosen
    return
  }
  into.group = isLocal ? others : local
}

export function noCandidates(): Candidates {
  return { group: undefined, admission: admitAvailable, turn: 0 }
}
