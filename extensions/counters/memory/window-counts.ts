/**
 * Windows aligned to the Unix epoch or the rule's own origin. The fixed window counts one; the sliding window estimates what a window that ends
 * now holds from two of them: all of the current one, and of the one before the part that is still covered, as if its
 * requests had come evenly.
 */
import type { WindowRule } from '../counter.ts'
import { type Clock, Count } from './count.ts'

// Of the limit: what sums of fractions may be off by.
const rounding = 1e-12

/** What a count holds, for whoever keeps it beyond the process. */
export interface WindowState {
  readonly start: number
  readonly current: number
  readonly previous: number
}

export abstract class WindowCount extends Count<WindowRule> {
  protected start = -Infinity
  protected current = 0
  protected now = 0

  protected advance({ windowMs, originMs = 0 }: WindowRule, clock: Clock): void {
    this.now = clock.now()
    const start = Math.floor((this.now - originMs) / windowMs) * windowMs + originMs
    // A small step of the clock back over the boundary does not open the window before again; after a large one all starts afresh.
    const isAhead = this.start > start && this.start - this.now < windowMs
    if (this.start === start || isAhead) return
    this.roll(start === this.start + windowMs)
    this.start = start
  }

  abstract readonly state: WindowState

  /** Takes over what another process counted. */
  abstract restore(state: WindowState): void

  /** A new window; `follows` when it is the next one. */
  protected abstract roll(follows: boolean): void

  /** Ms of the window that have passed. */
  protected get elapsed(): number {
    return Math.max(0, this.now - this.start)
  }
}

export class FixedWindowCount extends WindowCount {
  private endsAt = -Infinity

  get state(): WindowState {
    return { start: this.start, current: this.current, previous: 0 }
  }

  restore({ start, current }: WindowState): void {
    this.start = start
    this.current = current
    this.endsAt = start + this.windowMs
  }

  isWhole(clock: Clock): boolean {
    return this.current === 0 || clock.now() >= this.endsAt
  }

  protected roll(): void {
    this.current = 0
  }

  protected untilFits({ limit, windowMs }: WindowRule, cost: number): number {
    if (this.current + cost <= limit * (1 + rounding)) return 0
    return cost > limit * (1 + rounding) ? Infinity : this.start + windowMs - this.now
  }

  protected add({ windowMs }: WindowRule, cost: number): void {
    this.current += cost
    this.endsAt = this.start + windowMs
  }

  protected remove(_rule: WindowRule, cost: number): void {
    this.current = Math.max(0, this.current - cost)
  }

  protected remaining({ limit }: WindowRule): number {
    return Math.max(0, Math.floor(limit * (1 + rounding) - this.current))
  }

  protected untilWhole({ windowMs }: WindowRule): number {
    return this.current === 0 ? 0 : this.start + windowMs - this.now
  }
}

export class SlidingWindowCount extends WindowCount {
  private previous = 0
  private wholeAt = -Infinity

  get state(): WindowState {
    return { start: this.start, current: this.current, previous: this.previous }
  }

  restore({ start, current, previous }: WindowState): void {
    this.start = start
    this.current = current
    this.previous = previous
    this.wholeAt = start + (current > 0 ? 2 : 1) * this.windowMs
  }

  isWhole(clock: Clock): boolean {
    return clock.now() >= this.wholeAt
  }

  protected roll(follows: boolean): void {
    this.previous = follows ? this.current : 0
    this.current = 0
  }

  protected untilFits(rule: WindowRule, cost: number): number {
    const { limit, windowMs } = rule
    if (this.estimate(windowMs) + cost <= limit * (1 + rounding)) return 0
    if (cost > limit * (1 + rounding)) return Infinity
    const room = Math.max(0, limit - cost)
    // While this window lasts what counts of the one before shrinks; in the next one, what counts of this one.
    const fitsAt = this.current <= room ? windowMs - ((room - this.current) * windowMs) / this.previous : 2 * windowMs - (room * windowMs) / this.current
    // The wall clock ticks in whole milliseconds: at a fraction of one it would still be too early.
    return Math.max(1, Math.ceil(fitsAt - this.elapsed))
  }

  protected add(rule: WindowRule, cost: number): void {
    this.current += cost
    this.wholeAt = this.now + this.untilWhole(rule)
  }

  protected remove(rule: WindowRule, cost: number): void {
    const ofCurrent = Math.min(cost, this.current)
    this.current -= ofCurrent
    this.previous = Math.max(0, this.previous - (cost - ofCurrent))
    this.wholeAt = this.now + this.untilWhole(rule)
  }

  protected remaining({ limit, windowMs }: WindowRule): number {
    return Math.max(0, Math.floor(limit * (1 + rounding) - this.estimate(windowMs)))
  }

  protected untilWhole({ windowMs }: WindowRule): number {
    if (this.current > 0) return this.start + 2 * windowMs - this.now
    return this.previous > 0 ? this.start + windowMs - this.now : 0
  }

  private estimate(windowMs: number): number {
    return (this.previous * Math.max(0, windowMs - this.elapsed)) / windowMs + this.current
  }
}
