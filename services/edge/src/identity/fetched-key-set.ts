/**
 * The key set at one address, as auth fetched it. The copy here is used however old it is: an issuer that is down, or
 * an auth that is away, must not turn good tokens away. It is replaced when auth broadcasts a newer one or answers
 * with one; a copy on disk stands in until then.
 */
import { SluiceError } from '@sluice/errors'
import { type KeySet, type KeySource, parseKeySet } from '@sluice/verifier'
import type { KeySetDocument } from './key-set-files.ts'

export interface FetchedKeySetParts {
  readonly clock: { monotonic(): number }
  /** Asks auth; with a key id that was met and not found, auth fetches anew as seldom as it thinks right. */
  readonly ask: (unknownKid: string) => Promise<KeySetDocument>
  readonly readCopy: () => Promise<KeySetDocument | undefined>
  readonly writeCopy: (document: KeySetDocument) => void
}

const askAgainMs = 1000
/** One question for an unknown key id each ten seconds: a flood of made-up ids must not reach the issuer. */
const unknownKidMs = 10_000

export class FetchedKeySet {
  readonly #parts: FetchedKeySetParts
  #document: KeySetDocument | undefined
  #askedAt = -Infinity
  #failedAt = -Infinity
  #kidAskedAt = -Infinity
  #asking: Promise<void> | undefined
  #loading: Promise<void> | undefined
  #kidAsking: Promise<void> | undefined

  constructor(parts: FetchedKeySetParts) {
    this.#parts = parts
  }

  get document(): KeySetDocument | undefined {
    return this.#document
  }

  /** When auth last said what the set is, on the monotonic scale. */
  get heardAt(): number {
    return this.#askedAt
  }

  /** Takes a set that is not older than the one here; one that is no key set is refused with `config.invalid`. */
  adopt(document: KeySetDocument): void {
    if (this.#document !== undefined && document.fetchedAtMs < this.#document.fetchedAtMs) return
    const isNew = document.digest !== this.#document?.digest
    if (isNew) parseKeySet(document.jwks, { algorithms: [], origin: 'fetched' })
    this.#document = document
    this.#askedAt = this.#parts.clock.monotonic()
    if (isNew) this.#parts.writeCopy(document)
  }

  /** Sees to it that there is a set. Rejects with `dependency.key_set_unavailable`; for a second it then does not ask again. */
  load(): Promise<void> {
    if (this.#document !== undefined) return Promise.resolve()
    this.#loading ??= this.#loadFirst().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  /** Asks auth what the set is now. */
  renew(unknownKid = ''): Promise<void> {
    if (unknownKid !== '') return this.#parts.ask(unknownKid).then((document) => this.adopt(document))
    this.#asking ??= this.#parts.ask('').then((document) => this.adopt(document)).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Asks for a newer set; when that was done in the last ten seconds, undefined, or a rejection if it failed then. */
  refresh(kid: string): Promise<void> | undefined {
    const now = this.#parts.clock.monotonic()
    if (now - this.#kidAskedAt < unknownKidMs) return this.#kidAsking
    this.#kidAskedAt = now
    const asking = this.renew(kid)
    this.#kidAsking = asking
    asking.then(() => {
      if (this.#kidAsking === asking) this.#kidAsking = undefined
    }, () => {}) // whoever asks is told, now and for the next ten seconds
    return asking
  }

  async #loadFirst(): Promise<void> {
    if (this.#parts.clock.monotonic() - this.#failedAt < askAgainMs) throw new SluiceError('dependency.key_set_unavailable')
    await this.#readCopy()
    if (this.#document !== undefined) return void this.renew().catch(() => {})
    try {
      await this.renew()
    } catch (cause) {
      this.#failedAt = this.#parts.clock.monotonic()
      throw new SluiceError('dependency.key_set_unavailable', { cause })
    }
  }

  async #readCopy(): Promise<void> {
    const copy = await this.#parts.readCopy()
    if (copy !== undefined && this.#document === undefined) this.#document = copy
  }
}

/** The set as one checker's keys: read anew when the document is another one, each key pinned to `algorithms`. */
export function keysOf(set: () => FetchedKeySet, algorithms: readonly string[] | undefined): KeySource {
  let read: { readonly digest: string; readonly keys: KeySet } | undefined
  const current = (): KeySet | undefined => {
    const document = set().document
    if (document === undefined) return undefined
    if (read?.digest !== document.digest) read = { digest: document.digest, keys: parseKeySet(document.jwks, { algorithms, origin: 'fetched' }) }
    return read.keys
  }
  const present = (): KeySet => {
    const keys = current()
    if (keys === undefined) throw new SluiceError('dependency.key_set_unavailable')
    return keys
  }
  return {
    current,
    load: () => set().load().then(present),
    refresh: (kid) => set().refresh(kid)?.then(present, unavailable),
  }
}

/** The set here lacks a key and nobody could say whether the issuer has it: that is no refusal. */
function unavailable(cause: unknown): never {
  throw new SluiceError('dependency.key_set_unavailable', { cause })
}
