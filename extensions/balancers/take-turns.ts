/**
 * Smooth weighted round robin, as nginx does it: each candidate gains its weight, the one that has gained most is
 * taken and pays the sum. Weights 5, 1, 1 give a a b a c a a, not a a a a a b c. With even weights, the common case,
 * a cursor does the same without a walk over all endpoints.
 */
import type { EndpointState, PriorityGroup } from './balancer.ts'
import { isAdmitted, type Admission, type Candidates } from './eligible.ts'
import { isEvenNow, weightNow } from './slow-start.ts'

type Excluded = ReadonlySet<string> | undefined

/** Whose turn it is among the candidates. The turn is kept in group and endpoints. */
export function takeTurn({ group, admission }: Candidates, nowMs: number, excluded: Excluded): EndpointState | undefined {
  if (group === undefined) return undefined
  return isEvenNow(group, nowMs) ? takeNext(group, admission, nowMs, excluded) : takeHeaviest(group, admission, nowMs, excluded)
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
    const weight = weightNow(endpoint, nowMs)
    endpoint.current += weight
    total += weight
    if (best === undefined || endpoint.current > best.current) best = endpoint
  }
  if (best !== undefined) best.current -= total
  return best
}
