/** Claims as an identity: the consumer that has their subject, or the subject itself when nobody has it. */
import type { Verdict } from '@sluice/policies/policy'
import type { ConsumersBySubject, SubjectAnswer } from './consumers-by-subject.ts'
import type { Away, Remembered } from './remembered-answers.ts'

type Identity = Extract<Verdict, { outcome: 'valid' }>['identity']
export type Claims = Readonly<Record<string, unknown>>

interface Known {
  readonly subject: string
  readonly answer: Remembered<SubjectAnswer>
  readonly verdict: Verdict
}

const noSubject: Verdict = { outcome: 'invalid', reason: 'subject_missing' }
const maxSubjectCharacters = 256

export class TokenIdentities {
  readonly #consumers: ConsumersBySubject
  /** The first of them that a token has names the consumer. */
  readonly #claimNames: readonly string[]
  readonly #method: string
  /** The verdict on claims is the same object for as long as they are remembered, and so is its identity. */
  readonly #known = new WeakMap<Claims, Known>()

  constructor(consumers: ConsumersBySubject, claimNames: readonly string[], method: string) {
    this.#consumers = consumers
    this.#claimNames = claimNames
    this.#method = method
  }

  /** At once for claims and a subject seen before; allocates nothing then. */
  identify(claims: Claims): Verdict | Promise<Verdict> {
    const known = this.#known.get(claims)
    const subject = known?.subject ?? this.#subjectIn(claims)
    if (subject === undefined) return noSubject
    const answer = this.#consumers.lookUp(subject)
    if (answer instanceof Promise) return answer.then((late) => this.#verdict(claims, subject, late))
    return answer === known?.answer ? known.verdict : this.#verdict(claims, subject, answer)
  }

  #verdict(claims: Claims, subject: string, answer: Remembered<SubjectAnswer> | Away): Verdict {
    if ('away' in answer) return { outcome: 'valid', identity: this.#identity(claims, subject, undefined, false) }
    const verdict: Verdict = { outcome: 'valid', identity: this.#identity(claims, subject, answer.value, true) }
    this.#known.set(claims, { subject, answer, verdict })
    return verdict
  }

  #identity(claims: Claims, subject: string, answer: SubjectAnswer | undefined, resolved: boolean): Identity {
    return {
      consumer: answer?.consumer?.name ?? subject,
      groups: answer?.consumer?.groups ?? [],
      credential: answer?.credential ?? '',
      method: this.#method,
      claims,
      scopes: scopesIn(claims),
      resolved,
    }
  }

  #subjectIn(claims: Claims): string | undefined {
    const name = this.#claimNames.find((one) => Object.hasOwn(claims, one))
    const value = name === undefined ? undefined : claims[name]
    const subject = typeof value === 'number' ? String(value) : value
    return typeof subject === 'string' && subject !== '' && subject.length <= maxSubjectCharacters ? subject : undefined
  }
}

/** `scope` as RFC 8693 §4.2 and RFC 9068 §2.2.3 have it, or the list or text `scp` that others send. */
function scopesIn(claims: Claims): readonly string[] {
  const value = claims.scope ?? claims.scp
  if (typeof value === 'string') return value.split(' ').filter((scope) => scope !== '')
  return Array.isArray(value) ? value.filter((scope) => typeof scope === 'string') : []
}
