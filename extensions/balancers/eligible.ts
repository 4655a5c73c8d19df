import type { EndpointState, PriorityGroup, UpstreamEndpoints } from './balancer.ts'

/** Who of a group takes part: the available ones, all that were not left out, or all that may serve at all. */
export type Admission = 0 | 1 | 2
const admitAvailable = 0
const admitNotLeftOut = 1
const admitAll = 2

/** Whether an endpoint takes part under `admission`; rules 1 to 4 of `balancer.ts`. */
export function isAdmitted(endpoint: EndpointState, admission: Admission, nowMs: number, excluded: ReadonlySet<string> | undefined): boolean {
  if (endpoint.weight <= 0 || endpoint.health === 'draining') return false
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
}

/** Fills `into` with the group that serves and who of it takes part, rules 1 to 4; false when there is nobody. */
export function findCandidates(into: Candidates, state: UpstreamEndpoints, nowMs: number, excluded: ReadonlySet<string> | undefined): boolean {
  into.group = servingGroup(state, admitAvailable, nowMs, excluded)
  if (into.group !== undefined) {
    const isFirstAttempt = excluded === undefined || excluded.size === 0
    into.admission = isFirstAttempt && isInPanic(into.group) ? admitNotLeftOut : admitAvailable
    return true
  }
  into.admission = admitNotLeftOut
  into.group = servingGroup(state, admitNotLeftOut, nowMs, excluded)
  if (into.group !== undefined) return true
  into.admission = admitAll
  into.group = servingGroup(state, admitAll, nowMs, excluded)
  return into.group !== undefined
}

export function noCandidates(): Candidates {
  return { group: undefined, admission: admitAvailable }
}
