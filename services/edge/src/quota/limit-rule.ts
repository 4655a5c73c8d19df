import type { LimitRule } from '@sluice/counters/counter'
import type { LimiterRules } from '@sluice/policies/policy'

/** The rule that counters go by. */
export function limitRule({ algorithm, limit, windowSeconds, burst, maxWaitMs, originMs = 0 }: LimiterRules): LimitRule {
  const rate = { limit, windowMs: windowSeconds * 1000 }
  if (algorithm === 'token-bucket') return { algorithm, ...rate, burst }
  if (algorithm === 'leaky-bucket') return { algorithm, ...rate, burst, maxWaitMs }
  return { algorithm, ...rate, originMs }
}

/**
 * What one of `parts` may admit, so that all together keep the limit. A request of this cost always fits in: a bucket
 * is never smaller than it, and a window whose part would be smaller is so much longer instead.
 */
export function partOf(rule: LimitRule, parts: number, cost: number): LimitRule {
  const limit = rule.limit / parts
  if ('burst' in rule) return { ...rule, limit, burst: Math.max(1, cost, rule.burst / parts) }
  const least = Math.max(1, cost)
  if (limit >= least) return { ...rule, limit }
  return { ...rule, limit: least, windowMs: (rule.windowMs * least) / limit }
}
