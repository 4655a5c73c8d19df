/** Every key set that rules name by address: heard of by auth's broadcasts, asked for at first use and every five minutes. */
import type { Bus, Subscription } from '@sluice/buses/bus'
import { call, listen } from '@sluice/buses/rpc'
import { SluiceError } from '@sluice/errors'
import { type KeySet as KeySetMessage, KeySetRequestSchema, KeySetSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import type { Clock } from '@sluice/service-kit'
import type { KeySource } from '@sluice/verifier'
import { FetchedKeySet, keysOf } from './fetched-key-set.ts'
import { digestOf, type KeySetDocument, KeySetFiles } from './key-set-files.ts'

export interface FetchedKeySetsParts {
  readonly bus: Bus
  readonly scope: string
  readonly clock: Clock
  readonly logger: { warn(facts: object, message: string): void }
  /** Where the copies lie. */
  readonly directory: string
  readonly timeoutMs: number
}

export interface KeySetAddress {
  readonly uri: string
  readonly insecure: boolean
}

const renewMs = 300_000
const lookMs = 10_000
const maxSets = 1000

export class FetchedKeySets {
  readonly #parts: FetchedKeySetsParts
  readonly #files: KeySetFiles
  readonly #sets = new Map<string, FetchedKeySet>()
  readonly #writing = new Set<Promise<void>>()
  readonly #subscriptions: Subscription[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(parts: FetchedKeySetsParts) {
    this.#parts = parts
    this.#files = new KeySetFiles(parts.directory)
  }

  start(): void {
    const { bus, scope } = this.#parts
    const heard = listen(bus, subjects.authKeySetChanged(scope), KeySetSchema, (message) => this.#hear(message))
    const reconnected = bus.onStatus((status) => {
      if (status === 'connected') this.#renewAll(0)
    })
    this.#subscriptions.push(heard, reconnected)
    this.#timer = setInterval(() => this.renewOld(), lookMs).unref()
  }

  /** Resolves once copies that are being written lie on disk. */
  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe()
    clearInterval(this.#timer)
    await Promise.all(this.#writing)
  }

  /** The keys at an address, pinned to `algorithms`. */
  source(address: KeySetAddress, algorithms: readonly string[] | undefined): KeySource {
    this.#open(address)
    return keysOf(() => this.#open(address), algorithms)
  }

  /** Gets the sets that are not here yet; says which could not be had, and never rejects. */
  async warm(addresses: readonly KeySetAddress[]): Promise<void> {
    await Promise.all(
      addresses.map(async (address) => {
        try {
          await this.#open(address).load()
        } catch {
          this.#parts.logger.warn({ uri: address.uri }, 'the key set is not available yet')
        }
      }),
    )
  }

  /** Asks for those that nothing was heard of for five minutes. */
  renewOld(): void {
    this.#renewAll(renewMs)
  }

  #open(address: KeySetAddress): FetchedKeySet {
    const known = this.#sets.get(address.uri)
    if (known !== undefined) return known
    const set = new FetchedKeySet({
      clock: this.#parts.clock,
      ask: (unknownKid) => this.#ask(address, unknownKid),
      readCopy: () => this.#files.read(address.uri),
      writeCopy: (document) => this.#writeCopy(address.uri, document),
    })
    // The oldest is made again by whoever still needs it.
    const [oldest] = this.#sets.keys()
    if (oldest !== undefined && this.#sets.size >= maxSets) this.#sets.delete(oldest)
    this.#sets.set(address.uri, set)
    return set
  }

  /** Nobody waits for the disk: the copy is for the next start. */
  #writeCopy(uri: string, document: KeySetDocument): void {
    const writing = this.#files
      .write(uri, document)
      .catch((error: unknown) => this.#warn(uri, 'could not be written to disk', error))
      .finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
  }

  async #ask({ uri, insecure }: KeySetAddress, unknownKid: string): Promise<KeySetDocument> {
    const { bus, scope, timeoutMs } = this.#parts
    const types = { request: KeySetRequestSchema, reply: KeySetSchema }
    return documentOf(await call(bus, subjects.authKeySet(scope), types, { scope, uri, insecure, unknownKid }, { timeoutMs }))
  }

  #hear(message: KeySetMessage): void {
    const set = this.#sets.get(message.uri)
    if (set === undefined) return
    try {
      set.adopt(documentOf(message))
    } catch (error) {
      this.#warn(message.uri, 'was broadcast in a form that cannot be used', error)
    }
  }

  #renewAll(olderThanMs: number): void {
    const now = this.#parts.clock.monotonic()
    for (const set of this.#sets.values()) {
      if (set.document !== undefined && now - set.heardAt >= olderThanMs) void set.renew().catch(() => {}) // the copy stays in use
    }
  }

  #warn(uri: string, what: string, error: unknown): void {
    this.#parts.logger.warn({ uri, reason: error instanceof Error ? error.message : String(error) }, `a key set ${what}`)
  }
}

function documentOf({ jwks, digest, fetchedAtMs }: KeySetMessage): KeySetDocument {
  const text = Buffer.from(jwks).toString('utf8')
  if (digestOf(text) !== digest) throw new SluiceError('internal.invariant_broken', { detail: 'The key set is not the one that its digest names' })
  return { jwks: text, digest, fetchedAtMs }
}
