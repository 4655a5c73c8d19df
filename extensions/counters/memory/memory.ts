/**
 * Counters in this process: a map from key to bucket, and the order in which they were used. Full buckets are as good
 * as none and are swept, two looks for each new key; so there are never many more than are alive, and never more than
 * `maxKeys`.
 */
import type { Counters, LimitRule, Take } from '../counter.ts'
import { checkRule } from '../rule-check.ts'
import { readSettings } from '../settings.ts'
import { refund, spend } from './gcra.ts'
import { type Bucket, RecencyList } from './recency-list.ts'
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
  readonly #buckets = new Map<string, Bucket>()
  readonly #recency = new RecencyList()
  readonly #maxKeys: number
  readonly #clock: { monotonic(): number }

  constructor(maxKeys: number, clock: { monotonic(): number }) {
    this.#maxKeys = maxKeys
    this.#clock = clock
  }

  get size(): number {
    return this.#buckets.size
  }

  take(key: string, rule: LimitRule, cost: number): Take {
    checkRule(rule, cost)
    const now = this.#clock.monotonic()
    const bucket = this.#buckets.get(key)
    const { take, fullAt } = spend(bucket?.fullAt ?? now, now, rule, cost)
    if (bucket !== undefined) {
      bucket.fullAt = fullAt
      this.#recency.touch(bucket)
    } else if (fullAt > now) {
      this.#buckets.set(key, this.#recency.add(key, fullAt))
      this.#makeRoom(now)
    }
    return take
  }

  peek(key: string, rule: LimitRule): Take {
    checkRule(rule, 1)
    const now = this.#clock.monotonic()
    const fullAt = this.#buckets.get(key)?.fullAt ?? now
    const { admitted, retryAfterMs } = spend(fullAt, now, rule, 1).take
    const { remaining, resetMs } = spend(fullAt, now, rule, 0).take
    return { admitted, remaining, resetMs, retryAfterMs }
  }

  giveBack(key: string, rule: LimitRule, cost: number): void {
    checkRule(rule, cost)
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) bucket.fullAt = refund(bucket.fullAt, rule, cost)
  }

  reset(key: string): boolean {
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return false
    this.#forget(bucket)
    return bucket.fullAt > this.#clock.monotonic()
  }

  async close(): Promise<void> {
    this.#buckets.clear()
    this.#recency.clear()
  }

  #makeRoom(now: number): void {
    for (let looks = 0; looks < looksPerNewKey; looks++) {
      const bucket = this.#recency.look()
      if (bucket !== undefined && bucket.fullAt <= now) this.#forget(bucket)
    }
    const { oldest } = this.#recency
    if (this.#buckets.size > this.#maxKeys && oldest !== undefined) this.#forget(oldest)
  }

  #forget(bucket: Bucket): void {
    this.#buckets.delete(bucket.key)
    this.#recency.remove(bucket)
  }
}
