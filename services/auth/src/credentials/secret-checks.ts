/**
 * Whether an API key or a password is good. Its id or user name leads to the hash, the hash costs 17 ms of a thread: so
 * what a secret amounted to is remembered under an HMAC of hash, id and secret, and the store is still asked each time,
 * since a key may have been revoked. An id that nobody has costs the same check against a hash of nothing, so that answers and their
 * timing do not tell which ids exist.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { CredentialStore, StoredConsumer } from '@sluice/credential-stores/credential-store'
import { SluiceError } from '@sluice/errors'
import type { Clock } from '@sluice/service-kit'
import type { Verifier } from '@sluice/verifier'
import { LRUCache } from 'lru-cache'

/** What a store has under an id or user name. */
export interface FoundSecret {
  readonly consumer: StoredConsumer
  readonly credentialId: string
  readonly hash: string
  /** 0: never. */
  readonly expiresAtMs: number
}

export interface SecretChecksParts {
  readonly scope: string
  readonly store: Pick<CredentialStore, 'version'>
  readonly find: (id: string) => Promise<FoundSecret | undefined>
  readonly verifier: Pick<Verifier, 'hashPassword' | 'verifyPassword'>
  readonly clock: Clock
  /** Ids that nobody has wait until all others have been looked at; for ids that are no secret, since the time of an answer then tells. */
  readonly knownFirst?: true
}

export type SecretCheck =
  | { readonly outcome: 'valid'; readonly version: number; readonly found: FoundSecret }
  | { readonly outcome: 'invalid'; readonly version: number }

/** A right secret for five minutes, a wrong one for seconds: guessing must not fill the memory of what is right. */
const rightMs = 300_000
const wrongMs = 5_000
const capacity = 10_000
/** Nobody needs more than a few secrets of one id tried at once; a guesser gets 503 for the rest. */
const maxPerId = 4
/** Ids that nobody has may not take more than this of the threads' queue from those that somebody has. */
const maxUnknown = 16

export class SecretChecks {
  readonly #parts: SecretChecksParts
  readonly #secret = randomBytes(32)
  readonly #right: LRUCache<string, true>
  readonly #wrong: LRUCache<string, true>
  readonly #running = new Map<string, Promise<boolean>>()
  readonly #runningById = new Map<string, number>()
  #unknown = 0
  #hashOfNothing: Promise<string> | undefined

  constructor(parts: SecretChecksParts) {
    this.#parts = parts
    this.#right = memory(rightMs, parts.clock)
    this.#wrong = memory(wrongMs, parts.clock)
  }

  /** Makes the hash of nothing, so that not even the first unknown id takes longer than a wrong secret. */
  async warm(): Promise<void> {
    await this.#nothing()
  }

  /** Throws `dependency.store_unreachable`, `dependency.verifier_overloaded`, `dependency.verifier_failed`. */
  async check(id: string, secret: string): Promise<SecretCheck> {
    const { store, scope, clock, find } = this.#parts
    // The version first: the answer is at least as new as the version it carries.
    const version = await store.version(scope)
    const found = await find(id)
    const hash = found?.hash ?? (await this.#nothing())
    const matches = await this.#matches(id, hash, secret, found === undefined)
    if (found === undefined || !matches) return { outcome: 'invalid', version }
    if (found.expiresAtMs !== 0 && clock.now() >= found.expiresAtMs) return { outcome: 'invalid', version }
    return { outcome: 'valid', version, found }
  }

  #nothing(): Promise<string> {
    this.#hashOfNothing ??= this.#parts.verifier.hashPassword(randomBytes(32).toString('hex')).catch((error: unknown) => {
      this.#hashOfNothing = undefined
      throw error
    })
    return this.#hashOfNothing
  }

  async #matches(id: string, hash: string, secret: string, isUnknown: boolean): Promise<boolean> {
    const digest = createHmac('sha256', this.#secret).update(JSON.stringify([hash, id, secret])).digest('base64')
    if (this.#right.get(digest) !== undefined) return true
    if (this.#wrong.get(digest) !== undefined) return false
    return this.#running.get(digest) ?? this.#run(digest, id, hash, secret, isUnknown)
  }

  #run(digest: string, id: string, hash: string, secret: string, isUnknown: boolean): Promise<boolean> {
    const ofId = this.#runningById.get(id) ?? 0
    if (ofId >= maxPerId || (isUnknown && this.#unknown >= maxUnknown)) return Promise.reject(new SluiceError('dependency.verifier_overloaded'))
    this.#runningById.set(id, ofId + 1)
    if (isUnknown) this.#unknown++
    const running = this.#verify(digest, hash, secret, isUnknown && this.#parts.knownFirst === true).finally(() => {
      this.#running.delete(digest)
      this.#leave(id)
      if (isUnknown) this.#unknown--
    })
    this.#running.set(digest, running)
    return running
  }

  async #verify(digest: string, hash: string, secret: string, canWait: boolean): Promise<boolean> {
    const matches = await this.#parts.verifier.verifyPassword(hash, secret, canWait)
    const memory = matches ? this.#right : this.#wrong
    memory.set(digest, true)
    return matches
  }

  #leave(id: string): void {
    const left = (this.#runningById.get(id) ?? 1) - 1
    if (left === 0) this.#runningById.delete(id)
    else this.#runningById.set(id, left)
  }
}

/** lru-cache takes an instant of 0 for none at all, so its time begins at 1. */
function memory(ttl: number, clock: Clock): LRUCache<string, true> {
  return new LRUCache({ max: capacity, ttl, ttlResolution: 0, perf: { now: () => clock.monotonic() + 1 } })
}
