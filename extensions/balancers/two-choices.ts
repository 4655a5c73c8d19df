/**
 * The power of two choices (Mitzenmacher, 2001): two candidates drawn by weight, the cheaper one taken. It comes close
 * to the best of all at the cost of two, and many workers that know nothing of each other do not all run to the one
 * that is the least loaded at the moment.
 */
import type { EndpointState, PriorityGroup } from './balancer.ts'
import { isAdmitted, type Admission, type Candidates } from './eligible.ts'
import { isEvenNow, weightNow } from './slow-start.ts'

type Excluded = ReadonlySet<string> | undefined

/** Quick draws before the walk that always finds one; the walk is rare unless most are out or weights differ widely. */
const quickDraws = 4

/** The cheaper of two candidates, by `cost` at this instant; the first of the two when they cost the same. */
export function cheaperOfTwo(
  candidates: Candidates,
  nowMs: number,
  excluded: Excluded,
  random: () => number,
  cost: (endpoint: EndpointState, nowMs: number) => number,
): EndpointState | undefined {
  const { group, admission } = candidates
  if (group === undefined) return undefined
  const first = draw(group, admission, nowMs, excluded, random, undefined)
  if (first === undefined) return undefined
  const second = draw(group, admission, nowMs, excluded, random, first)
  return second === undefined || cost(first, nowMs) <= cost(second, nowMs) ? first : second
}

/** One that takes part and is not `other`, drawn by weight. */
function draw(group: PriorityGroup, admission: Admission, nowMs: number, excluded: Excluded, random: () => number, other: EndpointState | undefined): EndpointState | undefined {
  const { endpoints } = group
  const isEven = isEvenNow(group, nowMs)
  for (let tries = 0; tries < quickDraws; tries++) {
    const endpoint = endpoints[Math.floor(random() * endpoints.length)]!
    if (endpoint === other || !isAdmitted(endpoint, admission, nowMs, excluded)) continue
    if (isEven || random() * group.heaviest < weightNow(endpoint, nowMs)) return endpoint
  }
  return drawByWalk(group, admission, nowMs, excluded, random, other)
}

function drawByWalk(group: PriorityGroup, admission: Admission, nowMs: number, excluded: Excluded, random: () => number, other: EndpointState | undefined): EndpointState | undefined {
  let total = 0
  for (const endpoint of group.endpoints) {
    if (endpoint !== other && isAdmitted(endpoint, admission, nowMs, excluded)) total += weightNow(endpoint, nowMs)
  }
  let left = random() * total
  let last: EndpointState | undefined
  for (const endpoint of group.endpoints) {
    if (endpoint === other || !isAdmitted(endpoint, admission, nowMs, excluded)) continue
    last = endpoint
    left -= weightNow(endpoint, nowMs)
    if (left < 0) return endpoint
  }
  return last
}
