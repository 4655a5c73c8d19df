/**
 * The sliding window log: each admitted request with the instant it came at, forgotten one window later. Exact, and
 * dear: an entry a request, at most `limit` of them.
 */
import type { WindowRule } from '../counter.ts'
import { type Clock, Count } from './count.ts'

// What a sum of two instants may be off by.
const roundingMs = 1e-6
const compactFrom = 32

export class LogCount extends Count<WindowRule> {
  /** From `head` on; what stands before it has been forgotten. */
  private readonly times: number[] = []
  private readonly costs: number[] = []
  private head = 0
  private sum = 0
  private now = 0

  override get entries(): number {
    return this.times.length
  }

  isWhole(clock: Clock): boolean {
    const newest = this.times.at(-1)
    return this.sum === 0 || newest === undefined || newest + this.windowMs <= clock.monotonic()
  }

  protected advance(_rule: WindowRule, clock: Clock): void {
    this.now = clock.monotonic()
    const until = this.now - this.windowMs + roundingMs
    while (this.head < this.times.length && this.times[this.head]! <= until) this.sum -= this.costs[this.head++]!
    if (this.head < compactFrom || this.head * 2 < this.times.length) return
    this.times.splice(0, this.head)
    this.costs.splice(0, this.head)
    this.head = 0
  }

  protected untilFits({ limit, windowMs }: WindowRule, cost: number): number {
    let excess = this.sum + cost - limit
    if (excess <= 0) return 0
    if (cost > limit) return Infinity
    let index = this.head
    while ((excess -= this.costs[index]!) > 0) index++
    return this.times[index]! + windowMs - this.now
  }

  protected add(_rule: WindowRule, cost: number): void {
    if (cost === 0) return
    this.times.push(this.now)
    this.costs.push(cost)
    this.sum += cost
  }

  protected remove(_rule: WindowRule, cost: number): void {
    for (let left = cost; left > 0 && this.times.length > this.head; ) {
      const newest = this.costs.at(-1)!
      const part = Math.min(left, newest)
      left -= part
      this.sum -= part
      if (part < newest) this.costs[this.costs.length - 1] = newest - part
      else {
        this.costs.pop()
        this.times.pop()
      }
    }
  }

  protected remaining({ limit }: WindowRule): number {
    return Math.max(0, Math.floor(limit - this.sum))
  }

  protected untilWhole({ windowMs }: WindowRule): number {
    return this.sum === 0 ? 0 : this.times.at(-1)! + windowMs - this.now
  }
}
