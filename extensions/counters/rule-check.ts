import { SluiceError } from '@sluice/errors'
import { type LimitRule, maxLogged } from './counter.ts'

/** Throws `internal.invariant_broken` for a rule or a cost with which no count makes sense; rules are checked where they are configured. */
export function checkRule(rule: LimitRule, cost: number): void {
  const { limit, windowMs } = rule
  if (limit > 0 && windowMs > 0 && cost >= 0 && Number.isFinite(limit + windowMs + cost) && isWholeRule(rule, cost)) return
  throw new SluiceError('internal.invariant_broken', { detail: `No count with ${JSON.stringify(rule)} and cost ${cost}` })
}

/** The same for a charge: a log keeps an entry for each unit, so nothing is counted there beyond its limit. */
export function checkCharge(rule: LimitRule, cost: number): void {
  checkRule(rule, cost)
  if (rule.algorithm === 'sliding-window-log') throw new SluiceError('internal.invariant_broken', { detail: 'A log cannot be overdrawn' })
}

function isWholeRule(rule: LimitRule, cost: number): boolean {
  switch (rule.algorithm) {
    case 'token-bucket': return rule.burst > 0 && rule.burst < Infinity
    case 'leaky-bucket': return rule.burst > 0 && rule.burst < Infinity && rule.maxWaitMs >= 0 && rule.maxWaitMs < Infinity
    case 'sliding-window-log': return rule.limit <= maxLogged && Number.isInteger(cost)
    case 'fixed-window': case 'sliding-window': return Number.isFinite(rule.originMs ?? 0)
    default: return false
  }
}
