/**
 * The key sets of all issuers, each fetched once for the whole system: asked for by edges, fetched again in the
 * background for as long as edges ask, told to all edges and to the other instances of auth.
 */
import { SluiceError } from '@sluice/errors'
import type { Clock } from '@sluice/service-kit'
import { LRUCache } from 'lru-cache'
import { checkedUrl, fetchDocument, type FetchDocument } from './fetch-key-set.ts'
import { KeySet, type KeySetRecord } from './key-set.ts'

export interface KeySetsParts {
  readonly clock: Clock
  readonly onFetched: (record: KeySetRecord, isChanged: boolean) => void
  readonly onFailed: (uri: string, reason: string) => void
  /** Fetches one document; for tests of when it is fetched. */
  readonly fetchDocument?: FetchDocument
}

export interface KeySetQuestion {
  readonly uri: string
  readonly insecure: boolean
  /** A key id that the asker met and did not find; empty when that is not why it asks. */
  readonly unknownKid: string
}

const maxSets = 1000
const lookMs = 1000
/** Edges ask every five minutes; nobody for an hour means that no rule names the address any more. */
const wantedMs = 3_600_000

export class KeySets {
  readonly #parts: KeySetsParts
  readonly #sets = new LRUCache<string, KeySet>({ max: maxSets })
  #timer: NodeJS.Timeout | undefined

  constructor(parts: KeySetsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#sets.size
  }

  start(): void {
    this.#timer = setInterval(() => this.renewDue(), lookMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /**
   * The set at an address, fetched when there is none, or when it lacks a key that was met. Throws `config.invalid`
   * for an address that is not fetched from, `dependency.key_set_unavailable` when the issuer cannot be asked.
   */
  async get({ uri, insecure, unknownKid }: KeySetQuestion): Promise<KeySetRecord> {
    const set = this.#open(uri, insecure)
    const lacksKey = unknownKid !== '' && !set.hasKey(unknownKid)
    if (set.record === undefined || lacksKey) await set.fetch()
    else if (set.isDue) void set.fetch()
    const { record } = set
    // An issuer that cannot be asked may well have the key: that is no "there is no such key".
    if (record === undefined || (lacksKey && set.hasFailed && !set.hasKey(unknownKid))) throw new SluiceError('dependency.key_set_unavailable')
    return record
  }

  /** Takes what another instance fetched. */
  adopt(record: KeySetRecord): void {
    const set = this.#sets.get(record.uri) ?? this.#add(record.uri)
    set.adopt(record)
  }

  /** Fetches what is due and still wanted. */
  renewDue(): void {
    const now = this.#parts.clock.monotonic()
    for (const set of this.#sets.values()) if (now - set.askedAt < wantedMs && set.isDue) void set.fetch()
  }

  #open(uri: string, insecure: boolean): KeySet {
    try {
      checkedUrl(uri, insecure)
    } catch (error) {
      throw new SluiceError('config.invalid', { detail: `jwksUri: ${(error as Error).message}`, cause: error })
    }
    const set = this.#sets.get(uri) ?? this.#add(uri)
    set.insecure = insecure
    set.askedAt = this.#parts.clock.monotonic()
    return set
  }

  #add(uri: string): KeySet {
    const { clock, onFetched, onFailed, fetchDocument: fetchOne = fetchDocument } = this.#parts
    const set = new KeySet({ uri, clock, onFetched, onFailed, fetchDocument: fetchOne })
    this.#sets.set(uri, set)
    return set
  }
}
