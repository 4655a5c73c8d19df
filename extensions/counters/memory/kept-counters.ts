/**
 * Counters in this process, whose long windows outlive it: what is counted over a day or longer is written to a file
 * within half a second, and read from there when its key is asked for and not in memory. A process that is killed forgets what
 * it admitted since the last write, no more. Everything else is counted in memory alone.
 */
import type { LimitRule, Take, WindowRule } from '../counter.ts'
import type { Clock, Count } from './count.ts'
import { KeyedCounts } from './keyed-counts.ts'
import type { MemoryCounters } from './memory-counters.ts'
import { FixedWindowCount, SlidingWindowCount, WindowCount } from './window-counts.ts'
import { checkCharge, checkRule } from '../rule-check.ts'
import type { CountFile, KeptCount } from './count-file.ts'

const keptFromMs = 86_400_000
const writeEveryMs = 500
/** Rows a write: some 20 ms in which the process does nothing else. */
const rowsPerWrite = 5_000

interface Parts {
  readonly maxKeys: number
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

export class KeptCounters implements MemoryCounters {
  readonly healthy = true
  readonly #brief: MemoryCounters
  readonly #kept: KeyedCounts
  readonly #file: CountFile
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  /** Keys that stand otherwise in the file. */
  readonly #changed = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(brief: MemoryCounters, file: CountFile, { maxKeys, clock, onError }: Parts) {
    this.#brief = brief
    this.#file = file
    this.#kept = new KeyedCounts({ maxKeys, maxEntries: 0 }, countOf)
    this.#clock = clock
    this.#onError = onError
  }

  get size(): number {
    return this.#brief.size + this.#kept.size
  }

  get logged(): number {
    return this.#brief.logged
  }

  take(key: string, rule: LimitRule, cost: number): Take {
    if (!isKept(rule)) return this.#brief.take(key, rule, cost)
    checkRule(rule, cost)
    this.#recall(key, rule)
    const take = this.#kept.take(key, rule, cost, this.#clock)
    if (take.admitted && cost > 0) this.#note(key)
    return take
  }

  peek(key: string, rule: LimitRule): Take {
    if (!isKept(rule)) return this.#brief.peek(key, rule)
    checkRule(rule, 1)
    this.#recall(key, rule)
    return this.#kept.peek(key, rule, this.#clock)
  }

  giveBack(key: string, rule: LimitRule, cost: number): void {
    if (!isKept(rule)) return this.#brief.giveBack(key, rule, cost)
    checkRule(rule, cost)
    this.#recall(key, rule)
    this.#kept.giveBack(key, rule, cost, this.#clock)
    this.#note(key)
  }

  charge(key: string, rule: LimitRule, cost: number): void {
    if (!isKept(rule)) return this.#brief.charge(key, rule, cost)
    checkCharge(rule, cost)
    this.#recall(key, rule)
    this.#kept.charge(key, rule, cost, this.#clock)
    this.#note(key)
  }

  reset(key: string): boolean {
    const inFile = this.#inFile(key)
    const inMemory = this.#kept.reset(key, this.#clock)
    this.#note(key)
    return this.#brief.reset(key) || inMemory || (inFile !== undefined && inFile.expiresAt > this.#clock.now())
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#changed.size > 0 && this.#write());
    this.#file.close()
    this.#kept.clear()
    await this.#brief.close()
  }

  /** What the file holds of a key that is not in memory. A file that cannot be read holds nothing. */
  #recall(key: string, rule: WindowRule): void {
    if (this.#kept.find(key) !== undefined) return
    const kept = this.#inFile(key)
    if (kept === undefined || kept.algorithm !== rule.algorithm || kept.windowMs !== rule.windowMs) return
    const count = countOf(key, rule)
    count.restore(kept)
    if (!count.isWhole(this.#clock)) this.#kept.put(count as unknown as Count, this.#clock)
  }

  /** Undefined as well for what was changed since: memory knows better. */
  #inFile(key: string): KeptCount | undefined {
    if (this.#changed.has(key)) return undefined
    try {
      return this.#file.read(key)
    } catch (error) {
      this.#onError(error)
      return undefined
    }
  }

  #note(key: string): void {
    this.#changed.add(key)
    this.#timer ??= setTimeout(() => this.#onTimer(), writeEveryMs).unref()
  }

  #onTimer(): void {
    this.#timer = undefined
    this.#write()
    if (this.#changed.size > 0) this.#timer = setTimeout(() => this.#onTimer(), writeEveryMs / 10).unref()
  }

  /** Writes as many changes as one write may hold; false when it failed and they are still to be written. */
  #write(): boolean {
    const keys = [...this.#changed.keys().take(rowsPerWrite)]
    const found = keys.map((key) => this.#kept.find(key))
    try {
      this.#file.write(found.filter((count) => count instanceof WindowCount).map(keptOf), keys.filter((_, index) => found[index] === undefined))
      this.#file.deleteExpired(this.#clock.now(), rowsPerWrite)
      for (const key of keys) this.#changed.delete(key)
      return true
    } catch (error) {
      this.#onError(error)
      return false
    }
  }
}

/** Buckets go by a clock that ends with the machine, and a log would be a row a request. */
function isKept(rule: LimitRule): rule is WindowRule {
  return rule.windowMs >= keptFromMs && (rule.algorithm === 'fixed-window' || rule.algorithm === 'sliding-window')
}

function countOf(key: string, rule: LimitRule): Count & WindowCount {
  return (rule.algorithm === 'fixed-window' ? new FixedWindowCount(key, rule as WindowRule) : new SlidingWindowCount(key, rule as WindowRule)) as never
}

function keptOf(count: WindowCount): KeptCount {
  const { key, algorithm, windowMs, state } = count
  return { key, algorithm, windowMs, ...state, expiresAt: state.start + (algorithm === 'fixed-window' ? 1 : 2) * windowMs }
}
