/**
 * Tokens held against rules and keys. One seen before is answered at once, without a promise: its SHA-256, or its text while
 * it is among the last, leads to what was found out, for as long as `exp` and the key that verified it allow, at most five minutes. One that is new
 * goes through the cheap checks here, then to the verifier's threads; the same token asked for twice meanwhile is
 * checked once. A refusal that cost a signature check is remembered for seconds, so that repeating it is cheap too.
 */
import { hash } from 'node:crypto'
import { codeOf, type ErrorCode, sourceOf } from '@sluice/errors'
import { isAlgorithm, type AlgorithmName } from './algorithms.ts'
import { acceptedUntilMs, checkClaims, type ClaimRules } from './claims.ts'
import type { KeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { RecentMap } from './recent-map.ts'
import type { TokenRefusal } from './refusals.ts'
import { SeenTokens } from './seen-tokens.ts'
import { maxTokenCharacters, type OtherUse, type ParsedToken, parseToken } from './token.ts'
import type { VerificationKey } from './verification-key.ts'
import type { Verifier } from './verifier.ts'

export interface ValidToken {
  readonly outcome: 'valid'
  /** The same object for every request with this token. */
  readonly claims: Readonly<Record<string, unknown>>
  /** `exp`; infinite without. */
  readonly expiresAtMs: number
}
export interface RefusedToken {
  readonly outcome: 'invalid'
  readonly reason: TokenRefusal
}
export interface UncheckedToken {
  readonly outcome: 'unavailable'
  readonly code: ErrorCode
}
export type TokenVerdict = ValidToken | RefusedToken | UncheckedToken

export interface TokenRules extends ClaimRules {
  /** What the token's `alg` may be; undefined leaves it to the keys, each of which names its own. */
  readonly algorithms: readonly string[] | undefined
  /** The type of tokens for another use than access, when those are checked. */
  readonly use?: OtherUse
}

export interface TokenCheckerParts {
  readonly rules: TokenRules
  readonly keys: KeySource
  readonly verifier: Pick<Verifier, 'verifySignature'>
  readonly clock: { now(): number; monotonic(): number }
  /** Shared by all checkers of a process, so that one bound holds for all; its own when left out. */
  readonly memory?: TokenMemory
}

export interface TokenChecker {
  /** A token seen before costs a look-up, about 0.2 µs for 600 characters, and a hash of 1 µs when it is not among the last. */
  check(token: string): TokenVerdict | Promise<TokenVerdict>
  /** The verdict on a token that was found good before; undefined for any other. Costs as much. */
  recall(token: string): TokenVerdict | undefined
}

interface Verified {
  /** In `TokenMemory.verified`. */
  readonly key: string
  readonly verdict: ValidToken
  readonly acceptedUntilMs: number
  readonly recallAtMs: number
  readonly keyId: string
  keySet: KeySet
}

interface Refused {
  readonly verdict: RefusedToken
  readonly forgetAtMs: number
  readonly keySet: KeySet
}

const rememberMs = 300_000
const rememberRefusalMs = 2_000

/** What was found out about tokens, for any number of checkers. */
export class TokenMemory {
  readonly verified: RecentMap<Verified>
  readonly refused: RecentMap<Refused>
  /** The last of `verified`, by their text. */
  readonly seen = new SeenTokens<Verified>()
  readonly pending = new Map<string, Promise<TokenVerdict>>()
  /** New tokens that may be on their way at once, waiting for keys included. */
  readonly maxPending: number
  #checkers = 0

  constructor(options: { verified?: number; refused?: number; pending?: number } = {}) {
    this.verified = new RecentMap(options.verified ?? 50_000)
    this.refused = new RecentMap(options.refused ?? 10_000)
    this.maxPending = options.pending ?? 4096
  }

  /** A prefix of its own for each checker: what one set of rules accepts is nothing to another. */
  nextPrefix(): string {
    return `${(this.#checkers++).toString(36)}:`
  }
}

export function createTokenChecker(parts: TokenCheckerParts): TokenChecker {
  return new RememberingChecker(parts)
}

class RememberingChecker implements TokenChecker {
  readonly #parts: TokenCheckerParts
  readonly #memory: TokenMemory
  readonly #prefix: string

  constructor(parts: TokenCheckerParts) {
    this.#parts = parts
    this.#memory = parts.memory ?? new TokenMemory()
    this.#prefix = this.#memory.nextPrefix()
  }

  check(token: string): TokenVerdict | Promise<TokenVerdict> {
    if (token.length > maxTokenCharacters) return refused('token_too_large')
    const seen = this.#recallSeen(token)
    if (seen !== undefined) return seen
    const key = this.#keyOf(token)
    return this.#recallVerified(key, token) ?? this.#recallRefused(key) ?? this.#memory.pending.get(key) ?? this.#examine(key, token)
  }

  recall(token: string): TokenVerdict | undefined {
    return token.length > maxTokenCharacters ? undefined : (this.#recallSeen(token) ?? this.#recallVerified(this.#keyOf(token), token))
  }

  #keyOf(token: string): string {
    return this.#prefix + hash('sha256', token, 'base64')
  }

  #recallSeen(token: string): TokenVerdict | undefined {
    const known = this.#memory.seen.get(token, this)
    return known === undefined ? undefined : this.#stillGood(known, token)
  }

  #recallVerified(key: string, token: string): TokenVerdict | undefined {
    const known = this.#memory.verified.get(key)
    const verdict = known === undefined ? undefined : this.#stillGood(known, token)
    if (verdict?.outcome === 'valid') this.#memory.seen.set(token, this, known!)
    return verdict
  }

  #stillGood(known: Verified, token: string): TokenVerdict | undefined {
    const { clock, keys } = this.#parts
    if (clock.now() >= known.acceptedUntilMs) return this.#expired(token)
    const current = keys.current()
    if (known.keySet !== current) {
      if (current?.has(known.keyId)) known.keySet = current
      else return this.#forget(known, token)
    }
    return clock.monotonic() < known.recallAtMs ? known.verdict : this.#forget(known, token)
  }

  /** It is still known by its SHA-256 that it was good once. */
  #expired(token: string): TokenVerdict {
    this.#memory.seen.delete(token, this)
    return refused('expired')
  }

  #forget({ key }: Verified, token: string): undefined {
    this.#memory.verified.delete(key)
    this.#memory.seen.delete(token, this)
  }

  /** Not after the keys changed: the key that was missing may have come. */
  #recallRefused(key: string): TokenVerdict | undefined {
    const known = this.#memory.refused.get(key)
    if (known === undefined) return undefined
    if (known.keySet === this.#parts.keys.current() && this.#parts.clock.monotonic() < known.forgetAtMs) return known.verdict
    this.#memory.refused.delete(key)
    return undefined
  }

  /** What needs no key is said at once and not remembered: it costs no more than remembering it would. */
  #examine(key: string, text: string): TokenVerdict | Promise<TokenVerdict> {
    const { token, refusal } = parseToken(text, this.#parts.rules.use)
    if (token === undefined) return refused(refusal)
    const problem = this.#algorithmProblem(token.algorithm) ?? this.#claimsProblem(token)
    if (problem !== undefined) return refused(problem)
    const { pending, maxPending } = this.#memory
    if (pending.size >= maxPending) return { outcome: 'unavailable', code: 'dependency.verifier_overloaded' }
    const verdict = this.#verify(key, token).catch(unavailable)
    pending.set(key, verdict)
    return verdict.finally(() => pending.delete(key))
  }

  #algorithmProblem(algorithm: string): TokenRefusal | undefined {
    if (!isAlgorithm(algorithm)) return 'algorithm_unknown'
    return this.#parts.rules.algorithms?.includes(algorithm) === false ? 'algorithm_not_allowed' : undefined
  }

  #claimsProblem(token: ParsedToken): TokenRefusal | undefined {
    return checkClaims(token.claims, this.#parts.rules, this.#parts.clock.now() / 1000)
  }

  async #verify(key: string, token: ParsedToken): Promise<TokenVerdict> {
    const { keys } = this.#parts
    let set = keys.current() ?? (await keys.load())
    let candidates = set.find(token.algorithm, token.kid)
    if (candidates.length === 0 && token.kid !== undefined) {
      set = (await keys.refresh(token.kid)) ?? set
      candidates = set.find(token.algorithm, token.kid)
    }
    const fitting = await this.#firstFitting(token, candidates)
    if (fitting === undefined) return this.#rememberRefused(key, set, candidates.length === 0 ? 'key_unknown' : 'bad_signature')
    // The set, or time, may have moved on while the check waited for its turn.
    const current = keys.current() ?? set
    const problem = current.has(fitting.id) ? this.#claimsProblem(token) : 'key_unknown'
    return problem === undefined ? this.#rememberVerified(key, token, fitting, current) : refused(problem)
  }

  async #firstFitting(token: ParsedToken, candidates: readonly VerificationKey[]): Promise<VerificationKey | undefined> {
    const { signingInput, signature } = token
    const algorithm = token.algorithm as AlgorithmName
    for (const key of candidates) {
      if (await this.#parts.verifier.verifySignature({ algorithm, key, signingInput, signature })) return key
    }
    return undefined
  }

  #rememberVerified(key: string, token: ParsedToken, by: VerificationKey, keySet: KeySet): ValidToken {
    const { clock, rules } = this.#parts
    const verdict: ValidToken = { outcome: 'valid', claims: Object.freeze(token.claims), expiresAtMs: acceptedUntilMs(token.claims, 0) }
    const untilMs = acceptedUntilMs(token.claims, rules.leewaySeconds)
    this.#memory.verified.set(key, { key, verdict, acceptedUntilMs: untilMs, recallAtMs: clock.monotonic() + rememberMs, keyId: by.id, keySet })
    return verdict
  }

  #rememberRefused(key: string, keySet: KeySet, reason: TokenRefusal): RefusedToken {
    const verdict = refused(reason)
    this.#memory.refused.set(key, { verdict, forgetAtMs: this.#parts.clock.monotonic() + rememberRefusalMs, keySet })
    return verdict
  }
}

function refused(reason: TokenRefusal): RefusedToken {
  return { outcome: 'invalid', reason }
}

function unavailable(error: unknown): UncheckedToken {
  return { outcome: 'unavailable', code: codeOfCheck(error) }
}

/** What is answered when a check could not be made: the `dependency.*` code it failed with. */
export function codeOfCheck(error: unknown): ErrorCode {
  const code = codeOf(error)
  return sourceOf(code) === 'dependency' ? code : 'dependency.verifier_failed'
}
