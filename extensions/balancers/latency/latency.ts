/**
 * Peak EWMA, after Twitter's Finagle: of two drawn endpoints the one takes the attempt whose latency, times the
 * requests that would then be open at it, is lower for its weight. The latency is a moving average that believes a
 * slower answer at once and a faster one by and by, and fades while nothing is heard: who was slow is tried again.
 * A failure counts as a slow answer, for an endpoint that fails at once would otherwise look like the fastest.
 */
import type { Balancer, BalancerParts, EndpointState } from '../balancer.ts'
import { findCandidates, noCandidates } from '../eligible.ts'
import { weightNow } from '../slow-start.ts'
import { cheaperOfTwo } from '../two-choices.ts'

/** After this long an answer's part in the average has fallen to a third. */
const decayMs = 10_000
/** What a failure counts as, at least. */
const failureMs = 1000
/** What an endpoint that has not answered yet counts as, from its second open request on: one is sent to find out. */
const unknownMs = 1000

export function createBalancer({ random }: Pick<BalancerParts, 'random'>): Balancer {
  const candidates = noCandidates()
  return {
    pick: (state, nowMs, excluded) => (findCandidates(candidates, state, nowMs, excluded) ? cheaperOfTwo(candidates, nowMs, excluded, random, cost) : undefined),
    observe,
  }
}

function observe(endpoint: EndpointState, ms: number, ok: boolean, nowMs: number): void {
  const seen = ok ? ms : Math.max(ms, failureMs)
  const before = endpoint.latencyMs
  const kept = Math.exp((endpoint.latencyAt - nowMs) / decayMs)
  endpoint.latencyMs = seen >= before || endpoint.latencyAt === 0 ? seen : before * kept + seen * (1 - kept)
  endpoint.latencyAt = nowMs
}

function cost(endpoint: EndpointState, nowMs: number): number {
  const { open, latencyMs, latencyAt } = endpoint
  const latency = latencyAt === 0 ? (open === 0 ? 0 : unknownMs) : latencyMs * Math.exp((latencyAt - nowMs) / decayMs)
  return (latency * (open + 1)) / weightNow(endpoint, nowMs)
}
