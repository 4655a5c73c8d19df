/**
 * Counters in this process: a map from key to the instant its bucket is full again, least recently used first. Full
 * buckets are as good as none and are swept, two looks for each new key; so the map is at most about twice as large as
 * what is alive, and never larger than `maxKeys`.
 */
import type { Counters, LimitRule, Take } from '../counter.ts'
import { checkRule } from '../rule-check.ts'
import { readSettings } from '../settings.ts'
import { refund, spend } from './gcra.ts'
import { type MemoryCountersSettings, schema } from './schema.ts'

/** Counters that answer synchronously. */
export interface MemoryCounters extends Counters {
  take(key: string, rule: LimitRule, cost: number): Take
  peek(key: string, rule: LimitRule): Take
  giveBack(key: string, rule: LimitRule, cost: number): void
  reset(key: string): boolean
  /** Keys kept, full buckets that are not swept yet included. */
  readonly size: number
}

export interface MemoryCountersParts {
  /** Only durations count: the wall clock may jump. */
  readonly clock?: { monotonic(): number }
}

const looksPerNewKey = 2

/** Counts in this process; nothing is shared with another. */
export function createMemoryCounters(settings: MemoryCountersSettings = {}, parts: MemoryCountersParts = {}): MemoryCounters {
  return new MapCounters(readSettings(schema, settings).maxKeys, parts.clock ?? { monotonic: () => performance.now() })
}

class MapCounters implements MemoryCounters {
  readonly healthy = true
  readonly #fullAt = new Map<string, number>()
  readonly #maxKeys: number
  readonly #clock: { monotonic(): number }
  // Iterators that live on: one made anew would first walk over all that was deleted at the front of the map.
  #oldest: MapIterator<string>
  #sweeper: MapIterator<string>

  constructor(maxKeys: number, clock: { monotonic(): number }) {
    this.#maxKeys = maxKeys
    this.#clock = clock
    this.#oldest = this.#fullAt.keys()
    this.#sweeper = this.#fullAt.keys()
  }

  get size(): number {
    return this.#fullAt.size
  }

  take(key: string, rule: LimitRule, cost: number): Take {
    checkRule(rule, cost)
    const now = this.#clock.monotonic()
    const before = this.#fullAt.get(key)
    const { take, fullAt } = spend(before ?? now, now, rule, cost)
    if (before !== undefined) this.#fullAt.delete(key) // the last in the map is the one used last
    if (fullAt > now) this.#fullAt.set(key, fullAt)
    if (before === undefined && fullAt > now) this.#makeRoom(now)
    return take
  }

  peek(key: string, rule: LimitRule): Take {
    checkRule(rule, 1)
    const now = this.#clock.monotonic()
    const fullAt = this.#fullAt.get(key) ?? now
    const { admitted, retryAfterMs } = spend(fullAt, now, rule, 1).take
    const { remaining, resetMs } = spend(fullAt, now, rule, 0).take
    return { admitted, remaining, resetMs, retryAfterMs }
  }

  giveBack(key: string, rule: LimitRule, cost: number): void {
    checkRule(rule, cost)
    const before = this.#fullAt.get(key)
    if (before === undefined) return
    const fullAt = refund(before, rule, cost)
    if (fullAt > this.#clock.monotonic()) this.#fullAt.set(key, fullAt)
    else this.#fullAt.delete(key)
  }

  reset(key: string): boolean {
    const existed = (this.#fullAt.get(key) ?? 0) > this.#clock.monotonic()
    this.#fullAt.delete(key)
    return existed
  }

  async close(): Promise<void> {
    this.#fullAt.clear()
  }

  #makeRoom(now: number): void {
    for (let looks = 0; looks < looksPerNewKey; looks++) {
      const { value: key } = this.#sweeper.next()
      if (key === undefined) this.#sweeper = this.#fullAt.keys()
      else if ((this.#fullAt.get(key) ?? 0) <= now) this.#fullAt.delete(key)
    }
    while (this.#fullAt.size > this.#maxKeys) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const { value: key } = this.#oldest.next()
    if (key === undefined) this.#oldest = this.#fullAt.keys()
    else this.#fullAt.delete(key)
  }
}
