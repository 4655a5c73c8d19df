/**
 * Counts by key, and the order in which they were used. Counts that are whole again are as good as none and are swept,
 * two looks for each new key; so there are never many more than are alive, and never more than the bounds allow.
 */
import type { LimitRule, Take } from '../counter.ts'
import type { Clock, Count } from './count.ts'
import { RecencyList } from './recency-list.ts'

export interface Bounds {
  readonly maxKeys: number
  /** Requests that logs remember, in all of them together. */
  readonly maxEntries: number
}

const looksPerNewKey = 2

export class KeyedCounts {
  #entries = 0
  readonly #counts = new Map<string, Count>()
  readonly #recency = new RecencyList()
  readonly #bounds: Bounds
  readonly #create: (key: string, rule: LimitRule) => Count

  constructor(bounds: Bounds, create: (key: string, rule: LimitRule) => Count) {
    this.#bounds = bounds
    this.#create = create
  }

  get size(): number {
    return this.#counts.size
  }

  get entries(): number {
    return this.#entries
  }

  take(key: string, rule: LimitRule, cost: number, clock: Clock): Take {
    const known = this.#suiting(key, rule)
    if (known === undefined) return this.#takeFromNew(key, rule, cost, clock)
    this.#recency.touch(known)
    const before = known.entries
    const take = known.take(rule, cost, clock)
    this.#noteEntries(known.entries - before)
    return take
  }

  peek(key: string, rule: LimitRule, clock: Clock): Take {
    const known = this.#suiting(key, rule)
    if (known === undefined) return this.#create(key, rule).peek(rule, clock)
    const before = known.entries
    const seen = known.peek(rule, clock)
    this.#noteEntries(known.entries - before)
    return seen
  }

  giveBack(key: string, rule: LimitRule, cost: number, clock: Clock): void {
    const known = this.#suiting(key, rule)
    if (known === undefined) return
    const before = known.entries
    known.giveBack(rule, cost, clock)
    this.#noteEntries(known.entries - before)
  }

  charge(key: string, rule: LimitRule, cost: number, clock: Clock): void {
    const known = this.#suiting(key, rule)
    if (known !== undefined) {
      this.#recency.touch(known)
      return known.charge(rule, cost, clock)
    }
    const count = this.#create(key, rule)
    count.charge(rule, cost, clock)
    this.put(count, clock)
  }

  reset(key: string, clock: Clock): boolean {
    const count = this.#counts.get(key)
    if (count === undefined) return false
    this.#forget(count)
    return !count.isWhole(clock)
  }

  find(key: string): Count | undefined {
    return this.#counts.get(key)
  }

  /** Takes in a count that was kept elsewhere, in place of what there is under its key. */
  put(count: Count, clock: Clock): void {
    const before = this.#counts.get(count.key)
    if (before !== undefined) this.#forget(before)
    this.#add(count, clock)
  }

  clear(): void {
    this.#counts.clear()
    this.#recency.clear()
    this.#entries = 0
  }

  #suiting(key: string, rule: LimitRule): Count | undefined {
    const known = this.#counts.get(key)
    return known?.suits(rule) === true ? known : undefined
  }

  #takeFromNew(key: string, rule: LimitRule, cost: number, clock: Clock): Take {
    const count = this.#create(key, rule)
    const take = count.take(rule, cost, clock)
    if (count.isWhole(clock)) return take
    const unsuited = this.#counts.get(key)
    if (unsuited !== undefined) this.#forget(unsuited)
    this.#add(count, clock)
    return take
  }

  #add(count: Count, clock: Clock): void {
    this.#counts.set(count.key, count)
    this.#recency.add(count)
    this.#noteEntries(count.entries)
    this.#makeRoom(clock)
  }

  #makeRoom(clock: Clock): void {
    for (let looks = 0; looks < looksPerNewKey; looks++) {
      const count = this.#recency.look()
      if (count?.isWhole(clock) === true) this.#forget(count)
    }
    if (this.#counts.size > this.#bounds.maxKeys) this.#forget(this.#recency.oldest!)
  }

  #noteEntries(more: number): void {
    this.#entries += more
    while (this.#entries > this.#bounds.maxEntries) this.#forget(this.#recency.oldest!)
  }

  #forget(count: Count): void {
    this.#counts.delete(count.key)
    this.#recency.remove(count)
    this.#entries -= count.entries
  }
}
