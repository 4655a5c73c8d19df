/** What a worker keeps of responses: the store, the fills that are under way, and what is doubted since purges may have been missed. */
import type { CacheEntry, Purge, StoredResponse } from '@sluice/cache-stores/cache-store'
import { varyText, type HeaderFields } from '@sluice/http'
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
  /** What bodies on their way may hold, all together. */
  readonly maxGatheringBytes: number
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  /** Told of URLs whose responses a request has overtaken, so that other workers hear of it. */
  readonly onInvalidated: (urls: readonly string[]) => void
}

/** A clock that was put back by more than this makes everything from then too old to tell. */
const clockStepMs = 5000

export class ResponseCache implements GatheringRoom {
  readonly fills: Fills
  readonly clock: Clock
  readonly #parts: ResponseCacheParts
  #gathering = 0
  /** What was received until then may have been purged without this worker hearing of it. */
  #doubtedUntilMs = -Infinity
  #settledDoubtMs = -Infinity

  constructor(parts: ResponseCacheParts) {
    this.#parts = parts
    this.clock = parts.clock
    this.fills = new Fills(() => parts.clock.monotonic())
    measure(parts.store, this.fills, parts.metrics)
  }

  mark(): number {
    return this.#parts.store.mark()
  }

  /** The response that is kept under the key for a request with these fields. */
  find(key: string, fields: HeaderFields): StoredResponse | undefined {
    const { store } = this.#parts
    const first = store.get(key)
    if (first === undefined || !('variesBy' in first)) return first
    const variant = store.get(variantKey(key, first.variesBy, fields))
    return variant === undefined || 'variesBy' in variant ? undefined : variant
  }

  keep(key: string, variesBy: readonly string[], fields: HeaderFields, response: StoredResponse, mark: number): void {
    const { store } = this.#parts
    if (variesBy.length === 0) return store.put(key, response, mark)
    store.put(key, { variesBy, url: response.url, tags: response.tags, keepUntilMs: response.keepUntilMs }, mark)
    store.put(variantKey(key, variesBy, fields), response, mark)
  }

  /** A response that the upstream has just contradicted. */
  forget(key: string, fields: HeaderFields): void {
    const { store } = this.#parts
    const first = store.get(key)
    store.remove(first !== undefined && 'variesBy' in first ? variantKey(key, first.variesBy, fields) : key)
  }

  /** RFC 9111 §4.4: what stands under these URLs is not current any more. */
  invalidate(urls: readonly string[]): void {
    this.overtaken(urls)
    this.#parts.onInvalidated(urls)
  }

  /** The same, as another worker has told. */
  overtaken(urls: readonly string[]): void {
    this.purge({ id: '', urls, prefixes: [], tags: [], everything: false })
  }

  purge(purge: Purge): void {
    this.#parts.store.purge(purge)
  }

  /** Purges may have been missed: what is kept now is confirmed by its upstream before it is used, until `settle`. */
  doubt(): void {
    this.#doubtedUntilMs = this.clock.now()
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
