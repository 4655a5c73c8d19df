/**
 * Secrets that only auth can check. What it said of one is remembered under an HMAC of it with a secret that only this
 * process has, so that none stands in memory longer than its request, and none can be found from a memory dump's
 * digests.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Verdict } from '@sluice/policies/policy'
import { type Consumer, CredentialOutcome } from '@sluice/proto/messages/auth'
import type { Attempt, FailedAttempts } from './failed-attempts.ts'
import { aboutConsumer, aboutCredential, type KnownChanges } from './known-changes.ts'
import { type Answer, type Away, type Limits, type Remembered, RememberedAnswers } from './remembered-answers.ts'

/** A key id or user name, with its secret. */
export interface SecretQuestion {
  readonly id: string
  readonly secret: string
}

export interface SecretAnswer {
  readonly outcome: CredentialOutcome
  readonly consumer?: Consumer | undefined
  readonly credentialId: string
  /** Milliseconds since the Unix epoch; 0 = never. */
  readonly expiresAtMs: number
  readonly version: number
}

export interface CheckedSecretsParts {
  readonly ask: (question: SecretQuestion) => Promise<SecretAnswer>
  /** The policy's name: how the caller was identified. */
  readonly method: string
  /** The secrets are too long to be guessed. */
  readonly isUnguessable?: true
  readonly attempts: FailedAttempts
  readonly changes: KnownChanges
  readonly clock: { now(): number; monotonic(): number }
}

interface Known {
  readonly verdict: Verdict
  /** Milliseconds since the Unix epoch; infinite when it never expires. */
  readonly expiresAtMs: number
}

const expired: Verdict = { outcome: 'invalid', reason: 'expired' }
const refused: Known = { verdict: { outcome: 'invalid', reason: 'wrong_secret' }, expiresAtMs: Infinity }

export class CheckedSecrets {
  readonly #parts: CheckedSecretsParts
  readonly #answers: RememberedAnswers<SecretQuestion, Known>
  readonly #secret = randomBytes(32)

  constructor(parts: CheckedSecretsParts) {
    this.#parts = parts
    // Longer than a round trip with an Argon2id check in it.
    this.#answers = new RememberedAnswers({ ...parts, ask: (question) => this.#ask(question), graceMs: 250 })
  }

  /** At once for one that is remembered; costs an HMAC, about 3 µs. `whole` is unlike that of any other question. */
  check(whole: string, question: SecretQuestion, limits: Limits, address: string | undefined): Verdict | Promise<Verdict> {
    const digest = createHmac('sha256', this.#secret).update(whole).digest('base64')
    const throttled = address === undefined || this.#answers.isKnown(digest) ? undefined : this.#parts.attempts.refuse(this.#parts.method, this.#attempt(question, address))
    if (throttled !== undefined) return throttled
    const answer = this.#answers.lookUp(digest, question, limits)
    return answer instanceof Promise ? answer.then((late) => this.#verdict(late, question, address)) : this.#verdict(answer, question, address)
  }

  #verdict(answer: Remembered<Known> | Away, question: SecretQuestion, address: string | undefined): Verdict {
    if ('away' in answer) return { outcome: 'unavailable', code: answer.away }
    const { verdict, expiresAtMs } = answer.value
    if (verdict.outcome === 'invalid') this.#parts.attempts.failed(this.#parts.method, this.#attempt(question, address))
    return this.#parts.clock.now() >= expiresAtMs ? expired : verdict
  }

  #attempt({ id }: SecretQuestion, address: string | undefined): Attempt {
    return { address, id, ...(this.#parts.isUnguessable && { isUnguessable: true as const }) }
  }

  async #ask(question: SecretQuestion): Promise<Answer<Known>> {
    const { outcome, consumer, credentialId, expiresAtMs, version } = await this.#parts.ask(question)
    if (outcome !== CredentialOutcome.VALID || consumer === undefined) return { value: refused, names: undefined, version }
    const { name, groups } = consumer
    const identity = { consumer: name, groups, credential: credentialId, method: this.#parts.method, claims: undefined, scopes: [], resolved: true }
    const value: Known = { verdict: { outcome: 'valid', identity }, expiresAtMs: expiresAtMs > 0 ? expiresAtMs : Infinity }
    return { value, names: [aboutCredential(credentialId), aboutConsumer(name)], version }
  }
}
