/**
 * GCRA, the generic cell rate algorithm (ITU-T I.371 §A), in its virtual-scheduling form: a bucket is one instant, the
 * theoretical arrival time, at which it is full again. A token costs `windowMs / limit` of time; what is spent
 * reaches into the future at most `burst` tokens far.
 */
import type { LimitRule, Take } from '../counter.ts'

// Sums of fractions of milliseconds come out a hair too high: a token that is short by less than this is there.
const roundingTokens = 1e-3

export interface Spent {
  readonly take: Take
  /** The bucket after the call; `now` or earlier when it is full. */
  readonly fullAt: number
}

/** Takes `cost` tokens at `now` from a bucket that is full at `fullAt`; all instants on one scale of milliseconds. */
export function spend(fullAt: number, now: number, rule: LimitRule, cost: number): Spent {
  const tokenMs = rule.windowMs / rule.limit
  const spentBefore = Math.max(0, fullAt - now) / tokenMs
  const admitted = spentBefore + cost <= rule.burst + roundingTokens
  const spent = admitted ? spentBefore + cost : spentBefore
  const take = {
    admitted,
    remaining: Math.max(0, Math.floor(rule.burst - spent + roundingTokens)),
    resetMs: spent * tokenMs,
    retryAfterMs: admitted ? 0 : cost > rule.burst ? Infinity : (spentBefore + cost - rule.burst) * tokenMs,
  }
  return { take, fullAt: now + spent * tokenMs }
}

/** The bucket with `cost` tokens back in it. */
export function refund(fullAt: number, rule: LimitRule, cost: number): number {
  return fullAt - (cost * rule.windowMs) / rule.limit
}
