/** Checked tokens as identities: the consumer that has the subject, or the subject itself when nobody has it. */
import type { IdentityPart, TokenRules, Verdict } from '@sluice/policies/policy'
import { createTokenChecker, type TokenChecker, type TokenCheckerParts, type ValidToken } from '@sluice/verifier'
import type { ConsumersBySubject, SubjectAnswer } from './consumers-by-subject.ts'
import type { Away, Remembered } from './remembered-answers.ts'

type Identity = Extract<Verdict, { outcome: 'valid' }>['identity']

interface Known {
  readonly subject: string
  readonly answer: Remembered<SubjectAnswer>
  readonly verdict: Verdict
}

const noSubject: Verdict = { outcome: 'invalid', reason: 'subject_missing' }
const maxSubjectCharacters = 256

export class Tokens {
  readonly #checker: TokenChecker
  readonly #consumers: ConsumersBySubject
  readonly #consumerClaim: string
  /** The verdict of a token is the same object for as long as it is remembered, and so is its identity. */
  readonly #known = new WeakMap<ValidToken, Known>()

  constructor(rules: TokenRules, parts: Omit<TokenCheckerParts, 'rules'>, consumers: ConsumersBySubject) {
    this.#checker = createTokenChecker({ ...parts, rules })
    this.#consumers = consumers
    this.#consumerClaim = rules.consumerClaim
  }

  /** At once for a token and a subject seen before; allocates nothing then. */
  check(token: string): Verdict | Promise<Verdict> {
    const checked = this.#checker.check(token)
    if (checked instanceof Promise) return checked.then((late) => (late.outcome === 'valid' ? this.#identify(late) : late))
    return checked.outcome === 'valid' ? this.#identify(checked) : checked
  }

  #identify(token: ValidToken): Verdict | Promise<Verdict> {
    const known = this.#known.get(token)
    const subject = known?.subject ?? subjectIn(token, this.#consumerClaim)
    if (subject === undefined) return noSubject
    const answer = this.#consumers.lookUp(subject)
    if (answer instanceof Promise) return answer.then((late) => this.#verdict(token, subject, late))
    return answer === known?.answer ? known.verdict : this.#verdict(token, subject, answer)
  }

  #verdict(token: ValidToken, subject: string, answer: Remembered<SubjectAnswer> | Away): Verdict {
    if ('away' in answer) return { outcome: 'valid', identity: identityOf(token, subject, undefined, false) }
    const verdict: Verdict = { outcome: 'valid', identity: identityOf(token, subject, answer.value, true) }
    this.#known.set(token, { subject, answer, verdict })
    return verdict
  }
}

function identityOf({ claims }: ValidToken, subject: string, answer: SubjectAnswer | undefined, resolved: boolean): Identity {
  return {
    consumer: answer?.consumer?.name ?? subject,
    groups: answer?.consumer?.groups ?? [],
    credential: answer?.credential ?? '',
    method: 'jwt',
    claims,
    scopes: scopesIn(claims),
    resolved,
  }
}

function subjectIn({ claims }: ValidToken, claim: string): string | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
  const subject = typeof value === 'number' ? String(value) : value
  return typeof subject === 'string' && subject !== '' && subject.length <= maxSubjectCharacters ? subject : undefined
}

/** `scope` as RFC 8693 §4.2 and RFC 9068 §2.2.3 have it, or the list or text `scp` that others send. */
function scopesIn(claims: Readonly<Record<string, unknown>>): readonly string[] {
  const value = claims.scope ?? claims.scp
  if (typeof value === 'string') return value.split(' ').filter((scope) => scope !== '')
  return Array.isArray(value) ? value.filter((scope) => typeof scope === 'string') : []
}

export type TokensPart = ReturnType<IdentityPart['tokens']>
