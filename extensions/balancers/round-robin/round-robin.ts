/** Endpoints take turns by weight (`take-turns.ts`). The turn is kept in the endpoints, so that all upstreams share one balancer. */
import type { Balancer } from '../balancer.ts'
import { findCandidates, noCandidates } from '../eligible.ts'
import { takeTurn } from '../take-turns.ts'

const candidates = noCandidates()

const roundRobin: Balancer = {
  pick: (state, nowMs, excluded) => (findCandidates(candidates, state, nowMs, excluded) ? takeTurn(candidates, nowMs, excluded) : undefined),
}

export function createBalancer(): Balancer {
  return roundRobin
}
