/** Signed tokens as identities. */
import type { TokenRules, Verdict } from '@sluice/policies/policy'
import { createTokenChecker, type TokenChecker, type TokenCheckerParts, type TokenVerdict } from '@sluice/verifier'
import type { ConsumersBySubject } from './consumers-by-subject.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { RevokedTokens } from './revoked-tokens.ts'
import { TokenIdentities } from './token-identities.ts'

export interface TokensParts extends Omit<TokenCheckerParts, 'rules'> {
  readonly consumers: ConsumersBySubject
  readonly attempts: FailedAttempts
  readonly revoked: RevokedTokens
}

const method = 'jwt'
/**
 * The one refusal that costs a thread's time and comes only from those who forge. A token that has expired, or is another
 * issuer's, is no guess: its holder gets a new one, or `any` has another method for it.
 */
const guess = 'bad_signature'
const revoked: Verdict = { outcome: 'invalid', reason: 'revoked' }

export class Tokens {
  readonly #checker: TokenChecker
  readonly #identities: TokenIdentities
  readonly #attempts: FailedAttempts
  readonly #revoked: RevokedTokens

  constructor(rules: TokenRules, parts: TokensParts) {
    this.#checker = createTokenChecker({ ...parts, rules })
    this.#identities = new TokenIdentities(parts.consumers, [rules.consumerClaim], method)
    this.#attempts = parts.attempts
    this.#revoked = parts.revoked
  }

  /** At once for a token and a subject seen before; allocates nothing then. */
  check(token: string, address?: string): Verdict | Promise<Verdict> {
    const known = address === undefined ? undefined : this.#checker.recall(token)
    if (known !== undefined) return this.#verdict(known, address)
    const throttled = address === undefined ? undefined : this.#attempts.refuse(method, { address })
    if (throttled !== undefined) return throttled
    const checked = this.#checker.check(token)
    return checked instanceof Promise ? checked.then((late) => this.#verdict(late, address)) : this.#verdict(checked, address)
  }

  #verdict(checked: TokenVerdict, address: string | undefined): Verdict | Promise<Verdict> {
    if (checked.outcome === 'valid') return this.#revoked.size !== 0 && this.#revoked.refuses(checked.claims) ? revoked : this.#identities.identify(checked.claims)
    if (checked.outcome === 'invalid' && checked.reason === guess) this.#attempts.failed(method, { address })
    return checked
  }
}
