/**
 * API keys `sk_<id>_<secret>`. What auth said of a key is remembered under an HMAC of it with a secret that only this
 * process has, so that no key stands in memory longer than its request, and none can be found from a memory dump's
 * digests.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import type { Verdict } from '@sluice/policies/policy'
import { type ApiKeyReply, ApiKeyReplySchema, ApiKeyRequestSchema, CredentialOutcome } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { aboutConsumer, aboutCredential, type KnownChanges } from './known-changes.ts'
import { type Answer, type Away, type Limits, type Remembered, RememberedAnswers } from './remembered-answers.ts'

export interface ApiKeyParts {
  readonly bus: Bus
  readonly scope: string
  readonly changes: KnownChanges
  readonly clock: { now(): number; monotonic(): number }
  readonly timeoutMs: number
}

interface KeyQuestion {
  readonly id: string
  readonly secret: string
}

interface KeyAnswer {
  readonly verdict: Verdict
  /** Milliseconds since the Unix epoch; infinite when it never expires. */
  readonly expiresAtMs: number
}

const keyPattern = /^sk_([a-z0-9]{1,64})_([\x21-\x7e]{1,256})$/
const types = { request: ApiKeyRequestSchema, reply: ApiKeyReplySchema }
const invalid = (reason: string): Verdict => ({ outcome: 'invalid', reason })
const malformed = invalid('key_malformed')
const expired = invalid('key_expired')
const unknown: KeyAnswer = { verdict: invalid('key_invalid'), expiresAtMs: Infinity }

export class ApiKeys {
  readonly #parts: ApiKeyParts
  readonly #answers: RememberedAnswers<KeyQuestion, KeyAnswer>
  readonly #secret = randomBytes(32)

  constructor(parts: ApiKeyParts) {
    this.#parts = parts
    // Longer than a round trip with an Argon2id check in it.
    this.#answers = new RememberedAnswers({ ...parts, ask: (question) => this.#ask(question), graceMs: 250 })
  }

  /** At once for a key that is remembered; costs an HMAC, about 3 µs. */
  check(key: string, limits: Limits): Verdict | Promise<Verdict> {
    const [, id, secret] = keyPattern.exec(key) ?? []
    if (id === undefined || secret === undefined) return malformed
    const digest = createHmac('sha256', this.#secret).update(key).digest('base64')
    const answer = this.#answers.lookUp(digest, { id, secret }, limits)
    return answer instanceof Promise ? answer.then((late) => this.#verdict(late)) : this.#verdict(answer)
  }

  #verdict(answer: Remembered<KeyAnswer> | Away): Verdict {
    if ('away' in answer) return { outcome: 'unavailable', code: answer.away }
    const { verdict, expiresAtMs } = answer.value
    return this.#parts.clock.now() >= expiresAtMs ? expired : verdict
  }

  async #ask({ id, secret }: KeyQuestion): Promise<Answer<KeyAnswer>> {
    const { bus, scope, timeoutMs } = this.#parts
    const reply = await call(bus, subjects.authKey(scope), types, { scope, id, secret }, { timeoutMs })
    const { outcome, consumer, version } = reply
    if (outcome !== CredentialOutcome.VALID || consumer === undefined) return { value: unknown, names: undefined, version }
    return { value: valid(reply, consumer), names: [aboutCredential(reply.credentialId), aboutConsumer(consumer.name)], version }
  }
}

function valid({ credentialId, expiresAtMs }: ApiKeyReply, { name, groups }: NonNullable<ApiKeyReply['consumer']>): KeyAnswer {
  const identity = { consumer: name, groups, credential: credentialId, method: 'key-auth', claims: undefined, scopes: [], resolved: true }
  return { verdict: { outcome: 'valid', identity }, expiresAtMs: expiresAtMs > 0 ? expiresAtMs : Infinity }
}
