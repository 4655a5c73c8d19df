/** What a worker keeps of responses: the store, the fills that are under way, and what is doubted since purges may have been missed. */
import type { CacheEntry, CacheStore, Purge, StoredResponse } from '@sluice/cache-stores/cache-store'
import { varyText, type HeaderFields } from '@sluice/http'
import type { CacheRules } from '@sluice/policies/policy'
import type { Clock, MetricsRegistry } from '@sluice/service-kit'
import { Fills } from './fills.ts'
import type { GatheringRoom } from './gathered-body.ts'

/** The store in this process, as the worker uses it. */
export interface WorkerStore {
  mark(): number
  get(key: string): CacheEntry | undefined
  put(key: string, entry: CacheEntry, mark: number): void
  remove(key: string): void
  purge(purge: Purge): void
  readonly bytes: number
  readonly entries: number
  readonly evicted: number
}

export interface ResponseCacheParts {
  readonly store: WorkerStore
  /** Opens the store that all edges share, for the first route that wants it; undefined: there is none. */
  readonly openShared?: (() => CacheStore) | undefined
  /** What bodies on their way may hold, all together. */
  readonly maxGatheringBytes: number
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  /** Told of URLs whose responses a request has overtaken, so that other workers hear of it. */
  readonly onInvalidated: (urls: readonly string[]) => void
}

/** A clock that was put back by more than this makes everything from then too old to tell. */
const clockStepMs = 5000

/** How long the shared store keeps what is stale. */
const keepStaleSharedMs = 600_000

/** What a response that is asked for now is kept under. */
export interface Marks {
  readonly own: number
  readonly shared: number | undefined
}

export class ResponseCache implements GatheringRoom {
  readonly fills: Fills
  readonly clock: Clock
  readonly #parts: ResponseCacheParts
  #gathering = 0
  #shared: CacheStore | undefined
  /** What was received until then may have been purged without this worker hearing of it. */
  #doubtedUntilMs = -Infinity
  #settledDoubtMs = -Infinity

  constructor(parts: ResponseCacheParts) {
    this.#parts = parts
    this.clock = parts.clock
    this.fills = new Fills(() => parts.clock.monotonic())
    measure(parts.store, this.fills, parts.metrics)
  }

  /** To be taken before an upstream is asked. */
  marks(rules: Pick<CacheRules, 'sharesStore'>): Marks {
    return { own: this.#parts.store.mark(), shared: this.sharedStore(rules)?.mark() }
  }

  /** The store that all edges share, where the route wants it and there is one. */
  sharedStore({ sharesStore }: Pick<CacheRules, 'sharesStore'>): CacheStore | undefined {
    if (!sharesStore) return undefined
    return (this.#shared ??= this.#parts.openShared?.())
  }

  /** Takes over what the shared store has under the key, unless what is here lasts longer. Never rejects. */
  async fetch(store: CacheStore, key: string, fields: HeaderFields): Promise<void> {
    const mark = this.#parts.store.mark()
    const first = await store.get(key)
    if (first === undefined) return
    const found = 'variesBy' in first ? await store.get(variantKey(key, first.variesBy, fields)) : first
    if (found === undefined || 'variesBy' in found) return
    const here = this.find(key, fields)
    if (here !== undefined && here.freshUntilMs >= found.freshUntilMs) return
    if ('variesBy' in first) this.#parts.store.put(key, first, mark)
    this.#parts.store.put('variesBy' in first ? variantKey(key, first.variesBy, fields) : key, found, mark)
  }

  /** The response that is kept under the key for a request with these fields. */
  find(key: string, fields: HeaderFields): StoredResponse | undefined {
    const { store } = this.#parts
    const first = store.get(key)
    if (first === undefined || !('variesBy' in first)) return first
    const variant = store.get(variantKey(key, first.variesBy, fields))
    return variant === undefined || 'variesBy' in variant ? undefined : variant
  }

  /** Under which requests wait for each other: apart where it is known that they are answered apart. */
  fillKeyOf(key: string, fields: HeaderFields): string {
    const first = this.#parts.store.get(key)
    return first !== undefined && 'variesBy' in first ? variantKey(key, first.variesBy, fields) : key
  }

  keep(key: string, variesBy: readonly string[], fields: HeaderFields, response: StoredResponse, marks: Marks): void {
    keepIn(this.#parts.store, key, variesBy, fields, response, marks.own)
    if (marks.shared === undefined || this.#shared === undefined) return
    // Others may need the room, and what is stale there is of little use: each worker has it as well.
    const keepUntilMs = response.freshUntilMs + Math.max(keepStaleSharedMs, response.staleWhileRevalidateMs, response.staleIfErrorMs)
    keepIn(this.#shared, key, variesBy, fields, { ...response, keepUntilMs }, marks.shared)
  }

  /** A response that the upstream has just contradicted. */
  forget(key: string, fields: HeaderFields): void {
    const kept = this.fillKeyOf(key, fields)
    this.#parts.store.remove(kept)
    this.#shared?.remove(kept)
  }

  /** RFC 9111 §4.4: what stands under these URLs is not current any more. */
  invalidate(urls: readonly string[]): void {
    this.#parts.store.purge(urlsOnly('', urls))
    this.#parts.onInvalidated(urls)
  }

  /** The same, as a worker has told all of them. What the shared store cannot be told now it learns later. */
  overtaken(id: string, urls: readonly string[]): void {
    this.purge(urlsOnly(id, urls)).catch(() => {})
  }

  /** Here at once; rejects with `dependency.cache_unreachable` while the shared store cannot be told, which it is, then, as soon as it can be. */
  async purge(purge: Purge): Promise<void> {
    this.#parts.store.purge(purge)
    await this.#shared?.purge(purge)
  }

  /** Purges may have been missed: what is kept now is confirmed by its upstream before it is used, until `settle`. */
  doubt(): void {
    this.#doubtedUntilMs = this.clock.now()
    this.#shared?.catchUp()
  }

  async close(): Promise<void> {
    await this.#shared?.close()
  }

  /** What was missed has been made up for; `isComplete`: all of it. Otherwise what was doubted stays so. */
  settle(isComplete: boolean): void {
    if (isComplete) this.#doubtedUntilMs = this.#settledDoubtMs
    else this.#settledDoubtMs = this.#doubtedUntilMs
  }

  /** Whether it can be told how old it is, and that it was not purged. */
  isTrusted({ receivedAtMs }: Pick<StoredResponse, 'receivedAtMs'>, nowMs: number): boolean {
    return receivedAtMs > this.#doubtedUntilMs && receivedAtMs - nowMs < clockStepMs
  }

  reserve(bytes: number): boolean {
    if (this.#gathering + bytes > this.#parts.maxGatheringBytes) return false
    this.#gathering += bytes
    return true
  }

  free(bytes: number): void {
    this.#gathering -= bytes
  }
}

function keepIn(store: Pick<CacheStore, 'put'>, key: string, variesBy: readonly string[], fields: HeaderFields, response: StoredResponse, mark: number): void {
  if (variesBy.length === 0) return store.put(key, response, mark)
  store.put(key, { variesBy, url: response.url, tags: response.tags, keepUntilMs: response.keepUntilMs }, mark)
  store.put(variantKey(key, variesBy, fields), response, mark)
}

function urlsOnly(id: string, urls: readonly string[]): Purge {
  return { id, urls, prefixes: [], tags: [], everything: false }
}

function variantKey(key: string, names: readonly string[], fields: HeaderFields): string {
  return `${key}\n${varyText(names, fields)}`
}

function measure(store: WorkerStore, fills: Fills, metrics: MetricsRegistry): void {
  const waiting = metrics.gauge('sluice_cache_waiting', 'Requests that wait for a response that is on its way for another one.').with()
  const bytes = metrics.gauge('sluice_cache_bytes', 'Taken by responses that are kept in memory, all workers together.').with()
  const entries = metrics.gauge('sluice_cache_entries', 'Responses that are kept in memory, all workers together.').with()
  const evicted = metrics.counter('sluice_cache_evicted_total', 'Responses that went for want of room.').with()
  let counted = 0
  metrics.onCollect(() => {
    waiting.set(fills.waiting)
    bytes.set(store.bytes)
    entries.set(store.entries)
    evicted.add(store.evicted - counted)
    counted = store.evicted
  })
}
