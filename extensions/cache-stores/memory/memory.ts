/** Responses in this process. What was used longest ago goes first when there is no room; purged is what a purge names, at once. */
import type { CacheEntry, CacheStore, Purge } from '../cache-store.ts'
import { PurgeLog } from '../purge-log.ts'
import { readSettings } from '../settings.ts'
import { KeyIndex } from './key-index.ts'
import { type MemoryCacheSettings, schema } from './schema.ts'

interface Held {
  readonly entry: CacheEntry
  readonly bytes: number
}

export interface MemoryCacheParts {
  readonly clock: { now(): number }
}

export interface MemoryCache extends CacheStore {
  get(key: string): CacheEntry | undefined
  purge(purge: Purge): void
  /** What is kept now. */
  readonly bytes: number
  readonly entries: number
  /** Taken out for want of room, since the start. */
  readonly evicted: number
}

/** Throws `config.invalid` for settings that do not fit. */
export function createMemoryCache(settings: MemoryCacheSettings, parts: MemoryCacheParts): MemoryCache {
  return new BoundedCache(readSettings(schema, settings).maxBytes, parts)
}

/** An entry's own objects, its places in the maps, and what the allocator rounds up to. */
const overheadBytes = 800

class BoundedCache implements MemoryCache {
  bytes = 0
  evicted = 0
  readonly healthy = true
  readonly #maxBytes: number
  readonly #clock: MemoryCacheParts['clock']
  /** The one used longest ago first. */
  readonly #held = new Map<string, Held>()
  readonly #byUrl = new KeyIndex()
  readonly #byTag = new KeyIndex()
  readonly #purges = new PurgeLog()
  #number = 0

  constructor(maxBytes: number, { clock }: MemoryCacheParts) {
    this.#maxBytes = maxBytes
    this.#clock = clock
  }

  get entries(): number {
    return this.#held.size
  }

  mark(): number {
    return this.#number
  }

  get(key: string): CacheEntry | undefined {
    const held = this.#held.get(key)
    if (held === undefined) return undefined
    if (held.entry.keepUntilMs <= this.#clock.now()) {
      this.remove(key)
      return undefined
    }
    this.#held.delete(key)
    this.#held.set(key, held)
    return held.entry
  }

  put(key: string, entry: CacheEntry, mark: number): void {
    this.remove(key)
    if (this.#purges.covers(entry, mark)) return
    const bytes = bytesOf(key, entry)
    if (bytes > this.#maxBytes) return
    this.#held.set(key, { entry, bytes })
    this.bytes += bytes
    this.#byUrl.add(entry.url, key)
    for (const tag of entry.tags) this.#byTag.add(tag, key)
    while (this.bytes > this.#maxBytes) {
      this.evicted++
      this.remove(this.#held.keys().next().value!)
    }
  }

  remove(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    this.bytes -= held.bytes
    this.#byUrl.remove(held.entry.url, key)
    for (const tag of held.entry.tags) this.#byTag.remove(tag, key)
  }

  purge(purge: Purge): void {
    this.#purges.add(++this.#number, purge)
    if (purge.everything) return this.#clear()
    for (const url of purge.urls) this.#removeAll(this.#byUrl.keysOf(url))
    for (const tag of purge.tags) this.#removeAll(this.#byTag.keysOf(tag))
    for (const prefix of purge.prefixes) for (const url of this.#byUrl.names()) if (url.startsWith(prefix)) this.#removeAll(this.#byUrl.keysOf(url))
  }

  catchUp(): void {
    // Nobody but its own process can purge here.
  }

  async close(): Promise<void> {
    this.#clear()
  }

  #removeAll(keys: readonly string[]): void {
    for (const key of keys) this.remove(key)
  }

  #clear(): void {
    this.#held.clear()
    this.#byUrl.clear()
    this.#byTag.clear()
    this.bytes = 0
  }
}

function bytesOf(key: string, entry: CacheEntry): number {
  let letters = key.length + entry.url.length
  for (const tag of entry.tags) letters += tag.length
  if ('variesBy' in entry) return letters * 2 + overheadBytes
  for (const text of entry.fields) letters += text.length + 16
  return letters * 2 + entry.body.length + overheadBytes
}
