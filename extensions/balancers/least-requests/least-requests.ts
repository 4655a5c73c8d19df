/** The one of two drawn endpoints that has fewer requests open for its weight (`two-choices.ts`). */
import type { Balancer, BalancerParts, EndpointState } from '../balancer.ts'
import { findCandidates, noCandidates } from '../eligible.ts'
import { weightNow } from '../slow-start.ts'
import { cheaperOfTwo } from '../two-choices.ts'

export function createBalancer({ random }: Pick<BalancerParts, 'random'>): Balancer {
  const candidates = noCandidates()
  return {
    pick: (state, nowMs, excluded) => (findCandidates(candidates, state, nowMs, excluded) ? cheaperOfTwo(candidates, nowMs, excluded, random, openForWeight) : undefined),
  }
}

function openForWeight(endpoint: EndpointState, nowMs: number): number {
  return endpoint.open / weightNow(endpoint, nowMs)
}
