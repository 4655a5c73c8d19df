/** Signed tokens as identities. */
import type { TokenRules, Verdict } from '@sluice/policies/policy'
import { createTokenChecker, type TokenChecker, type TokenCheckerParts } from '@sluice/verifier'
import type { ConsumersBySubject } from './consumers-by-subject.ts'
import { TokenIdentities } from './token-identities.ts'

export class Tokens {
  readonly #checker: TokenChecker
  readonly #identities: TokenIdentities

  constructor(rules: TokenRules, parts: Omit<TokenCheckerParts, 'rules'>, consumers: ConsumersBySubject) {
    this.#checker = createTokenChecker({ ...parts, rules })
    this.#identities = new TokenIdentities(consumers, [rules.consumerClaim], 'jwt')
  }

  /** At once for a token and a subject seen before; allocates nothing then. */
  check(token: string): Verdict | Promise<Verdict> {
    const checked = this.#checker.check(token)
    if (checked instanceof Promise) return checked.then((late) => (late.outcome === 'valid' ? this.#identities.identify(late.claims) : late))
    return checked.outcome === 'valid' ? this.#identities.identify(checked.claims) : checked
  }
}
