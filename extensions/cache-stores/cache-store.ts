/**
 * Where responses are kept. A store keeps what it is given under a key, for as long as it is told to and there is room, and never gives out what
 * was purged after the request for it had begun: of a purge and a response that are under way at once, the purge counts.
 * Whether a kept response may be used is the edge's to say (`services/edge/src/cache`).
 */

/** What purges tell responses by. */
export interface Purgeable {
  /** `//host/path?query` as clients ask for it, whatever the scheme. */
  readonly url: string
  readonly tags: readonly string[]
}

interface Kept extends Purgeable {
  /** Not needed any more from then on, in ms since the Unix epoch. */
  readonly keepUntilMs: number
}

/** A response with what is needed to tell later whether it may be used. Instants are ms since the Unix epoch. */
export interface StoredResponse extends Kept {
  readonly status: number
  /** Flat `[name, value, …]`. */
  readonly fields: readonly string[]
  readonly body: Buffer
  readonly receivedAtMs: number
  /** How old it was by then. */
  readonly initialAgeMs: number
  readonly freshUntilMs: number
  /** After that: how long it may be used while it is asked for anew, and while that fails. */
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** Once stale it is never used without asking. */
  readonly mustRevalidate: boolean
  /** It says itself that any caller may have it. */
  readonly isShared: boolean
}

/** In the place of a response: there are several, and these request fields tell which (RFC 9111 §4.1). */
export interface VariesBy extends Kept {
  readonly variesBy: readonly string[]
}

export type CacheEntry = StoredResponse | VariesBy

/** What is to be given out no more; whatever one of the lists names. */
export interface Purge {
  /** Unique; a purge that is heard twice is one. */
  readonly id: string
  readonly urls: readonly string[]
  /** Beginnings of URLs. */
  readonly prefixes: readonly string[]
  readonly tags: readonly string[]
  readonly everything: boolean
}

export interface CacheStore {
  /** To be taken before a response is asked for, and handed in with it: what is purged from then on concerns that response. */
  mark(): number
  /** Synchronous where the store is in this process. Never rejects: a store that is away has nothing. */
  get(key: string): CacheEntry | undefined | Promise<CacheEntry | undefined>
  /** What has no room, or was purged since `mark`, is not kept. */
  put(key: string, entry: CacheEntry, mark: number): void
  remove(key: string): void
  /** Rejects with `dependency.cache_unreachable` while the store cannot be told; it is to be told again then. */
  purge(purge: Purge): void | Promise<void>
  /** Purges may have been missed: what the store knows of them it learns anew, before it gives out anything. */
  catchUp(): void
  readonly healthy: boolean
  close(): Promise<void>
}
