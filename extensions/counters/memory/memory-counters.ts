import type { Counters, LimitRule, Take } from '../counter.ts'
import type { Clock } from './count.ts'

/** Counters that answer synchronously. */
export interface MemoryCounters extends Counters {
  take(key: string, rule: LimitRule, cost: number): Take
  peek(key: string, rule: LimitRule): Take
  giveBack(key: string, rule: LimitRule, cost: number): void
  charge(key: string, rule: LimitRule, cost: number): void
  reset(key: string): boolean
  /** Keys in memory, whole counts that are not swept yet included. */
  readonly size: number
  /** Requests that logs remember one by one. */
  readonly logged: number
}

export interface MemoryCountersParts {
  readonly clock?: Clock
  /** With a file: told when it was damaged, and of each write that failed; it is tried again. */
  readonly onError?: (error: unknown) => void
}
