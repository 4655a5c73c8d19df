/** Counters in this process, with long windows in a file if wished. Logs are kept apart from the other counts: one of them may weigh as much as thousands. */
import type { LimitRule, Take } from '../counter.ts'
import { checkCharge, checkRule } from '../rule-check.ts'
import { readSettings } from '../settings.ts'
import { BucketCount } from './bucket-count.ts'
import type { Clock, Count } from './count.ts'
import { openCountFile } from './count-file.ts'
import { KeptCounters } from './kept-counters.ts'
import { KeyedCounts } from './keyed-counts.ts'
import { LogCount } from './log-count.ts'
import type { MemoryCounters, MemoryCountersParts } from './memory-counters.ts'
import { type MemoryCountersSettings, schema } from './schema.ts'
import { FixedWindowCount, SlidingWindowCount } from './window-counts.ts'

const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

/**
 * Counts in this process; nothing is shared with another. Throws `config.invalid`, and `dependency.store_unreachable` when
 * there is a file that cannot be opened.
 */
export function createMemoryCounters(settings: MemoryCountersSettings = {}, parts: MemoryCountersParts = {}): MemoryCounters {
  const read = readSettings(schema, settings)
  const { clock = systemClock, onError = () => undefined } = parts
  const inMemory = new ProcessCounters(read, clock)
  return read.file === undefined ? inMemory : new KeptCounters(inMemory, openCountFile(read.file, onError), { maxKeys: read.maxKeys, clock, onError })
}

class ProcessCounters implements MemoryCounters {
  readonly healthy = true
  readonly #counts: KeyedCounts
  readonly #logs: KeyedCounts
  readonly #clock: Clock

  constructor({ maxKeys, maxLogEntries }: { maxKeys: number; maxLogEntries: number }, clock: Clock) {
    this.#counts = new KeyedCounts({ maxKeys, maxEntries: 0 }, newCount)
    this.#logs = new KeyedCounts({ maxKeys, maxEntries: maxLogEntries }, (key, rule) => new LogCount(key, rule as never) as Count)
    this.#clock = clock
  }

  get size(): number {
    return this.#counts.size + this.#logs.size
  }

  get logged(): number {
    return this.#logs.entries
  }

  take(key: string, rule: LimitRule, cost: number): Take {
    checkRule(rule, cost)
    return this.#countsFor(rule).take(key, rule, cost, this.#clock)
  }

  peek(key: string, rule: LimitRule): Take {
    checkRule(rule, 1)
    return this.#countsFor(rule).peek(key, rule, this.#clock)
  }

  giveBack(key: string, rule: LimitRule, cost: number): void {
    checkRule(rule, cost)
    this.#countsFor(rule).giveBack(key, rule, cost, this.#clock)
  }

  charge(key: string, rule: LimitRule, cost: number): void {
    checkCharge(rule, cost)
    this.#countsFor(rule).charge(key, rule, cost, this.#clock)
  }

  reset(key: string): boolean {
    const inCounts = this.#counts.reset(key, this.#clock)
    return this.#logs.reset(key, this.#clock) || inCounts
  }

  async close(): Promise<void> {
    this.#counts.clear()
    this.#logs.clear()
  }

  #countsFor({ algorithm }: LimitRule): KeyedCounts {
    return algorithm === 'sliding-window-log' ? this.#logs : this.#counts
  }
}

function newCount(key: string, rule: LimitRule): Count {
  switch (rule.algorithm) {
    case 'token-bucket': case 'leaky-bucket': return new BucketCount(key, rule) as Count
    case 'fixed-window': return new FixedWindowCount(key, rule) as Count
    default: return new SlidingWindowCount(key, rule as never) as Count
  }
}
