/** What a limit says of one request, for the response fields and the access record. */
import type { LimitStatement } from './exchange.ts'
import type { LimiterRules, LimitVerdict } from './policy.ts'

export function limitStatement(name: string, { limit, windowSeconds, burst }: LimiterRules, verdict: LimitVerdict): LimitStatement {
  return { name, limit, windowSeconds, burst, remaining: verdict.remaining, resetSeconds: Math.ceil(verdict.resetMs / 1000), outcome: outcomeOf(verdict) }
}

function outcomeOf({ admitted, decidedBy, waitMs }: LimitVerdict): LimitStatement['outcome'] {
  if (!admitted) return 'refused'
  if (decidedBy === 'open' || decidedBy === 'local') return decidedBy
  return waitMs > 0 ? 'delayed' : 'admitted'
}
