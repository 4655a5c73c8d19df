/**
 * One key's count, and a link of the list that tells which was not used for longest. An algorithm says how the count
 * stands; what a caller is told follows from that in the same way for all of them.
 */
import type { LimitRule, Take } from '../counter.ts'

export interface Clock {
  /** Windows are aligned to the wall clock. */
  now(): number
  /** Durations are the monotonic clock's: a correction of the wall clock gives and takes nothing. */
  monotonic(): number
}

export abstract class Count<R extends LimitRule = LimitRule> {
  readonly key: string
  older: Count | undefined = undefined
  newer: Count | undefined = undefined
  readonly windowMs: number
  readonly algorithm: R['algorithm']

  constructor(key: string, { algorithm, windowMs }: R) {
    this.key = key
    this.algorithm = algorithm
    this.windowMs = windowMs
  }

  /** False for a rule of which this count can say nothing. */
  suits({ algorithm, windowMs }: LimitRule): boolean {
    return algorithm === this.algorithm && windowMs === this.windowMs
  }

  /** Requests remembered one by one. */
  get entries(): number {
    return 0
  }

  /** Whether nothing counts any more, so that it is as good as no count. */
  abstract isWhole(clock: Clock): boolean
  /** Brings the count to the present; the next four go by it. */
  protected abstract advance(rule: R, clock: Clock): void
  /** Until `cost` fits: 0 when it does now, `Infinity` when it never will. */
  protected abstract untilFits(rule: R, cost: number): number
  protected abstract add(rule: R, cost: number): void
  protected abstract remove(rule: R, cost: number): void
  protected abstract remaining(rule: R): number
  protected abstract untilWhole(rule: R): number

  /** How long what was added last has to wait for its turn. */
  protected untilTurn(_rule: R): number {
    return 0
  }

  take(rule: R, cost: number, clock: Clock): Take {
    this.advance(rule, clock)
    const retryAfterMs = this.untilFits(rule, cost)
    const admitted = retryAfterMs === 0
    if (admitted) this.add(rule, cost)
    return { admitted, remaining: this.remaining(rule), resetMs: this.untilWhole(rule), retryAfterMs, waitMs: admitted ? this.untilTurn(rule) : 0 }
  }

  peek(rule: R, clock: Clock): Take {
    this.advance(rule, clock)
    const retryAfterMs = this.untilFits(rule, 1)
    return { admitted: retryAfterMs === 0, remaining: this.remaining(rule), resetMs: this.untilWhole(rule), retryAfterMs, waitMs: 0 }
  }

  giveBack(rule: R, cost: number, clock: Clock): void {
    this.advance(rule, clock)
    this.remove(rule, cost)
  }

  charge(rule: R, cost: number, clock: Clock): void {
    this.advance(rule, clock)
    this.add(rule, cost)
  }
}
