/** Which consumer has a token's subject, as auth says. */
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { type Consumer, SubjectReplySchema, SubjectRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { aboutConsumer, aboutSubject, type KnownChanges } from './known-changes.ts'
import { type Answer, type Away, type Remembered, RememberedAnswers } from './remembered-answers.ts'

export interface SubjectAnswer {
  /** Undefined: no consumer has it. */
  readonly consumer: Consumer | undefined
  readonly credential: string
}

export interface SubjectParts {
  readonly bus: Bus
  readonly scope: string
  readonly changes: KnownChanges
  readonly clock: { monotonic(): number }
  readonly timeoutMs: number
}

const limits = { freshMs: 300_000, staleMs: 3_600_000 }
const types = { request: SubjectRequestSchema, reply: SubjectReplySchema }

export class ConsumersBySubject {
  readonly #parts: SubjectParts
  readonly #answers: RememberedAnswers<string, SubjectAnswer>

  constructor(parts: SubjectParts) {
    this.#parts = parts
    this.#answers = new RememberedAnswers({ ...parts, ask: (subject) => this.#ask(subject), graceMs: 20 })
  }

  lookUp(subject: string): Remembered<SubjectAnswer> | Away | Promise<Remembered<SubjectAnswer> | Away> {
    return this.#answers.lookUp(subject, subject, limits)
  }

  async #ask(subject: string): Promise<Answer<SubjectAnswer>> {
    const { bus, scope, timeoutMs } = this.#parts
    const { consumer, credentialId, version } = await call(bus, subjects.authSubject(scope), types, { scope, subject }, { timeoutMs })
    const names = consumer === undefined ? [aboutSubject(subject)] : [aboutSubject(subject), aboutConsumer(consumer.name)]
    return { value: { consumer, credential: credentialId }, names, version }
  }
}
