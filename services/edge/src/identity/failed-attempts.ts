/**
 * Guessing, slowed: failed attempts are counted by address, and by key id or user name, in the counters that all workers
 * share. Once too many came, no further one of that address or id is looked at for a second, then two, then four, up to
 * a minute. What is known to be good never waits here, so that an address or id may be guessed at without harm to those
 * who have been let in.
 */
import { hash } from 'node:crypto'
import { ipv6Prefix } from '@sluice/http'
import type { Limiter, LimiterRules, LimitVerdict, Verdict } from '@sluice/policies/policy'
import { RecentMap } from '@sluice/verifier'

/** Who tries what. */
export interface Attempt {
  /** Of the client; undefined where the policy does not slow. */
  readonly address: string | undefined
  /** Key id or user name; undefined for tokens, which name nobody who could be asked for again. */
  readonly id?: string | undefined
  /**
   * Such a secret cannot be guessed (an API key has 256 bits): an id that is guessed at is then closed only to addresses
   * that failed themselves, so that nobody can lock its owner out.
   */
  readonly isUnguessable?: true
}

export interface FailedAttemptsParts {
  /** Told of each attempt that failed, and of each that was not looked at. */
  readonly onAttempt?: ((method: string, outcome: 'failed' | 'throttled') => void) | undefined
  readonly limiter: (rules: LimiterRules) => Limiter
  readonly clock: { monotonic(): number }
}

interface Closed {
  readonly untilMs: number
  readonly forMs: number
}

const bucket = { algorithm: 'token-bucket', maxWaitMs: 0, mode: 'exact', failure: 'local' } as const
/** A hundred at once and one a second: an office behind one address forgets its passwords less often. */
const byAddress: LimiterRules = { ...bucket, counter: 'failed-attempts.address', limit: 60, windowSeconds: 60, burst: 100 }
/** NIST SP 800-63B §3.2.2 allows a hundred in all; twenty at once and two a minute find no password worth the name. */
const byId: LimiterRules = { ...bucket, counter: 'failed-attempts.id', limit: 2, windowSeconds: 60, burst: 20 }
const firstMs = 1000
const mostMs = 60_000
/** Whoever stays away this long after having been closed out begins anew. */
const forgetMs = 600_000
const capacity = 50_000

export class FailedAttempts {
  readonly #clock: { monotonic(): number }
  readonly #onAttempt: NonNullable<FailedAttemptsParts['onAttempt']>
  readonly #addresses: Limiter
  readonly #ids: Limiter
  readonly #closed = new RecentMap<Closed>(capacity)
  /** Addresses that failed here, and when they last did. */
  readonly #failed = new RecentMap<number>(capacity)

  constructor({ limiter, clock, onAttempt = () => {} }: FailedAttemptsParts) {
    this.#onAttempt = onAttempt
    this.#clock = clock
    this.#addresses = limiter(byAddress)
    this.#ids = limiter(byId)
  }

  /** The verdict on an attempt that has to wait; undefined when it may be looked at. Costs two look-ups. */
  refuse(method: string, attempt: Attempt): Verdict | undefined {
    const waitMs = this.waitMs(attempt)
    if (waitMs === 0) return undefined
    this.#onAttempt(method, 'throttled')
    return { outcome: 'throttled', retryAfterSeconds: Math.ceil(waitMs / 1000) }
  }

  /** How long this attempt has to wait before it is looked at; 0: it need not. */
  waitMs({ address, id, isUnguessable }: Attempt): number {
    if (address === undefined) return 0
    const now = this.#clock.monotonic()
    const from = addressKey(address)
    const ofAddress = this.#remainingMs(from, now)
    if (id === undefined || (isUnguessable === true && !this.#hasFailed(from, now))) return ofAddress
    return Math.max(ofAddress, this.#remainingMs(idKey(id), now))
  }

  /** The attempt was looked at and was no good. */
  failed(method: string, { address, id }: Attempt): void {
    this.#onAttempt(method, 'failed')
    if (address === undefined) return
    const from = addressKey(address)
    this.#failed.set(from, this.#clock.monotonic())
    this.#count(this.#addresses, from)
    if (id !== undefined) this.#count(this.#ids, idKey(id))
  }

  #count(limiter: Limiter, key: string): void {
    const verdict = limiter.take(key, 1)
    if (verdict instanceof Promise) void verdict.then((late) => this.#note(key, late), () => {}) // not counted is not slowed
    else this.#note(key, verdict)
  }

  #note(key: string, { admitted, retryAfterMs }: LimitVerdict): void {
    if (admitted) return
    const now = this.#clock.monotonic()
    const before = this.#closed.get(key)
    if (before !== undefined && now < before.untilMs) return
    const again = before !== undefined && now - before.untilMs < forgetMs ? before.forMs * 2 : firstMs
    const forMs = Math.min(mostMs, Math.max(again, retryAfterMs))
    this.#closed.set(key, { untilMs: now + forMs, forMs })
  }

  #remainingMs(key: string, now: number): number {
    const closed = this.#closed.get(key)
    return closed === undefined ? 0 : Math.max(0, closed.untilMs - now)
  }

  #hasFailed(address: string, now: number): boolean {
    const at = this.#failed.get(address)
    return at !== undefined && now - at < forgetMs
  }
}

/** An IPv6 client usually has its whole /64 to choose addresses from. */
function addressKey(address: string): string {
  return `a:${ipv6Prefix(address, 64)}`
}

/** What a client writes goes into no counter's name as it is. */
function idKey(id: string): string {
  return `i:${hash('sha256', id, 'base64url')}`
}
