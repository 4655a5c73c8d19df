import { SluiceError } from '@sluice/errors'
import type { LimitRule } from './counter.ts'

/** Throws `internal.invariant_broken` for a rule or a cost with which no count makes sense; rules are checked where they are configured. */
export function checkRule({ limit, windowMs, burst }: LimitRule, cost: number): void {
  if (limit > 0 && windowMs > 0 && burst > 0 && cost >= 0 && Number.isFinite(limit + windowMs + burst + cost)) return
  throw new SluiceError('internal.invariant_broken', { detail: `No count with limit ${limit}, window ${windowMs} ms, burst ${burst}, cost ${cost}` })
}
