/** One address's key set: what it was at the last fetch that worked, and when to fetch again. */
import type { FetchDocument } from './fetch-key-set.ts'

export interface KeySetRecord {
  readonly uri: string
  readonly jwks: string
  readonly digest: string
  readonly fetchedAtMs: number
}

export interface KeySetParts {
  readonly uri: string
  readonly clock: { now(): number; monotonic(): number }
  readonly fetchDocument: FetchDocument
  readonly onFetched: (record: KeySetRecord, isChanged: boolean) => void
  readonly onFailed: (uri: string, reason: string) => void
}

/** One fetch of an address each ten seconds, whatever it is wanted for. */
const fetchAgainMs = 10_000
const usualFreshMs = 300_000
/** How long a set stands in while its issuer cannot be asked. */
const staleMs = 86_400_000

export class KeySet {
  readonly #parts: KeySetParts
  /** Set by whoever asks with it; the schema of the policy says where it may stand. */
  insecure = false
  /** When an edge last asked for it, on the monotonic scale. */
  askedAt = -Infinity
  #record: KeySetRecord | undefined
  #dueAt = -Infinity
  #triedAt = -Infinity
  #hasFailed = false
  #fetching: Promise<void> | undefined

  constructor(parts: KeySetParts) {
    this.#parts = parts
  }

  /** The set; undefined when there is none, or it is too old to stand in. */
  get record(): KeySetRecord | undefined {
    const record = this.#record
    return record !== undefined && this.#parts.clock.now() - record.fetchedAtMs < staleMs ? record : undefined
  }

  /** Whether the last fetch failed. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  get isDue(): boolean {
    const now = this.#parts.clock.monotonic()
    return now >= this.#dueAt && this.#mayFetch(now)
  }

  hasKey(kid: string): boolean {
    if (this.#record === undefined) return false
    const { keys } = JSON.parse(this.#record.jwks) as { keys: { kid?: unknown }[] }
    return keys.some((key) => key.kid === kid)
  }

  /** Fetches, joins the fetch that runs, or does nothing when the last one was a moment ago. Never rejects. */
  fetch(): Promise<void> {
    if (this.#fetching === undefined) {
      const now = this.#parts.clock.monotonic()
      if (!this.#mayFetch(now)) return Promise.resolve()
      this.#triedAt = now
      this.#fetching = this.#fetch().finally(() => {
        this.#fetching = undefined
      })
    }
    return this.#fetching
  }

  /** Takes what another instance fetched. */
  adopt(record: KeySetRecord): void {
    if (this.#record !== undefined && record.fetchedAtMs <= this.#record.fetchedAtMs) return
    this.#record = record
    this.#hasFailed = false
    this.#dueAt = this.#parts.clock.monotonic() + usualFreshMs
  }

  #mayFetch(now: number): boolean {
    return now - this.#triedAt >= fetchAgainMs
  }

  async #fetch(): Promise<void> {
    const { uri, clock, fetchDocument, onFetched, onFailed } = this.#parts
    try {
      const { jwks, digest, freshMs } = await fetchDocument(uri, { insecure: this.insecure })
      const isChanged = digest !== this.#record?.digest
      this.#record = { uri, jwks, digest, fetchedAtMs: clock.now() }
      this.#hasFailed = false
      this.#dueAt = clock.monotonic() + freshMs
      onFetched(this.#record, isChanged)
    } catch (error) {
      this.#hasFailed = true
      onFailed(uri, reasonOf(error))
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // fetch says only "fetch failed"; what failed is its cause.
  const { cause } = error
  return cause instanceof Error ? `${error.message}: ${cause.message || (cause as NodeJS.ErrnoException).code}` : error.message
}
