/**
 * Smooth weighted round robin, as nginx does it: each candidate gains its weight, the one that has gained most is
 * taken and pays the sum. Weights 5, 1, 1 give a a b a c a a, not a a a a a b c. With even weights, the common case,
 * a cursor does the same without a walk over all endpoints.
 */
import type { Balancer, EndpointState, PriorityGroup, UpstreamEndpoints } from '../balancer.ts'
import { admitAll, admitAvailable, admitNotLeftOut, isAdmitted, isInPanic, servingGroup, type Admission } from '../eligible.ts'

type Excluded = ReadonlySet<string> | undefined

const roundRobin: Balancer = { pick }

/** The turn is kept in the endpoints, so that all upstreams share one balancer. */
export function createBalancer(): Balancer {
  return roundRobin
}

function pick(state: UpstreamEndpoints, nowMs: number, excluded: Excluded): EndpointState | undefined {
  const group = servingGroup(state, admitAvailable, nowMs, excluded)
  if (group !== undefined) {
    const isFirstAttempt = excluded === undefined || excluded.size === 0
    return take(group, isFirstAttempt && isInPanic(group) ? admitNotLeftOut : admitAvailable, nowMs, excluded)
  }
  const fallback = servingGroup(state, admitNotLeftOut, nowMs, excluded)
  if (fallback !== undefined) return take(fallback, admitNotLeftOut, nowMs, excluded)
  const last = servingGroup(state, admitAll, nowMs, excluded)
  return last === undefined ? undefined : take(last, admitAll, nowMs, excluded)
}

function take(group: PriorityGroup, admission: Admission, nowMs: number, excluded: Excluded): EndpointState | undefined {
  return group.isEven ? takeNext(group, admission, nowMs, excluded) : takeHeaviest(group, admission, nowMs, excluded)
}

function takeNext(group: PriorityGroup, admission: Admission, nowMs: number, excluded: Excluded): EndpointState | undefined {
  const { endpoints } = group
  for (let step = 0; step < endpoints.length; step++) {
    const index = (group.cursor + step) % endpoints.length
    const endpoint = endpoints[index]!
    if (!isAdmitted(endpoint, admission, nowMs, excluded)) continue
    group.cursor = index + 1
    return endpoint
  }
  return undefined
}

function takeHeaviest(group: PriorityGroup, admission: Admission, nowMs: number, excluded: Excluded): EndpointState | undefined {
  let best: EndpointState | undefined
  let total = 0
  for (const endpoint of group.endpoints) {
    if (!isAdmitted(endpoint, admission, nowMs, excluded)) continue
    endpoint.current += endpoint.weight
    total += endpoint.weight
    if (best === undefined || endpoint.current > best.current) best = endpoint
  }
  if (best !== undefined) best.current -= total
  return best
}
