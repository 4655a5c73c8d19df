/**
 * Tokens that are refused although they are good otherwise, as auth says: all of them, so that nobody is asked about a
 * token. Auth holds the bound to how many there are.
 */
import type { TokenRevocation } from '@sluice/proto/messages/auth'
import { nameOfSubject, nameOfToken } from '@sluice/proto/token-names'
import type { Claims } from './token-identities.ts'

export type Revoked = Pick<TokenRevocation, 'name' | 'beforeMs' | 'untilMs'>

interface Known extends Revoked {
  /** The credential version that it is known to stand at. */
  readonly version: number
  /** The number of the hearing; 0 for what was read. */
  readonly heard: number
}

/** Those that ended are swept out when so many were heard of since the last time. */
const sweepEvery = 100
/** One that was lifted is known for as long as an older word of it may still come. */
const liftedForMs = 60_000

export class RevokedTokens {
  readonly #clock: { now(): number }
  readonly #onChange: () => void
  #known = new Map<string, Known>()
  #heard = 0

  constructor(clock: { now(): number }, onChange: () => void = () => {}) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** To be looked at before anything else: nothing is looked up while there are none. */
  get size(): number {
    return this.#known.size
  }

  /** Hearings so far: the mark to take before all are read. */
  get heard(): number {
    return this.#heard
  }

  /** Whether these claims are of a revoked token; `usual`: the issuer where they name none. Costs two look-ups, about 2 µs. */
  refuses({ iss, jti, sub, iat }: Claims, usual = ''): boolean {
    const issuer = typeof iss === 'string' ? iss : usual
    // When it was issued nobody may have said: then it was before any instant.
    const issuedAtMs = typeof iat === 'number' ? Math.max(1, iat * 1000) : 1
    return (typeof jti === 'string' && this.#stands(nameOfToken(issuer, jti), issuedAtMs)) || (typeof sub === 'string' && this.#stands(nameOfSubject(issuer, sub), issuedAtMs))
  }

  /** The latest of what is heard of a name stands, in whatever order it comes. */
  hear({ name, beforeMs, untilMs }: Revoked, version: number): void {
    if ((this.#known.get(name)?.version ?? -1) >= version) return
    this.#known.set(name, { name, beforeMs, untilMs: beforeMs > 0 ? untilMs : this.#clock.now() + liftedForMs, version, heard: ++this.#heard })
    if (this.#heard % sweepEvery === 0) this.#sweep()
    this.#onChange()
  }

  /** `all` stand, as read after `mark` and at `version` or later: others only when they were heard of meanwhile. */
  replace(all: readonly Revoked[], version: number, mark: number): void {
    const later = [...this.#known.values()].filter((one) => one.heard > mark && one.version > version)
    this.restore(all, version)
    for (const one of later) this.#known.set(one.name, one)
    this.#onChange()
  }

  /** What an earlier run knew, until auth says more. */
  restore(all: readonly Revoked[], version = 0): void {
    this.#known = new Map(all.map(({ name, beforeMs, untilMs }) => [name, { name, beforeMs, untilMs, version, heard: 0 }]))
  }

  /** Those that have not ended. */
  all(): Revoked[] {
    this.#sweep()
    return [...this.#known.values()].map(({ name, beforeMs, untilMs }) => ({ name, beforeMs, untilMs }))
  }

  #stands(name: string, issuedAtMs: number): boolean {
    const found = this.#known.get(name)
    return found !== undefined && issuedAtMs <= found.beforeMs && this.#clock.now() < found.untilMs
  }

  #sweep(): void {
    const now = this.#clock.now()
    for (const { name, untilMs } of this.#known.values()) if (untilMs <= now) this.#known.delete(name)
  }
}
