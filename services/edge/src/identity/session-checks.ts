/** Whether sessions of browsers were ended before their time, as auth knows; remembered until a change is heard. */
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { SessionReplySchema, SessionRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { aboutCredential, type KnownChanges } from './known-changes.ts'
import { type Answer, type Away, type Remembered, RememberedAnswers } from './remembered-answers.ts'

interface SessionQuestion {
  readonly names: readonly string[]
  readonly startedAtMs: number
}

export interface SessionChecksParts {
  readonly bus: Bus
  readonly scope: string
  readonly changes: KnownChanges
  readonly clock: { monotonic(): number }
  readonly timeoutMs: number
}

/** Used on while auth is away for as long as a session may last: what is sealed in a cookie is as good as a signed token. */
const limits = { freshMs: 300_000, staleMs: 2_592_000_000 }
const types = { request: SessionRequestSchema, reply: SessionReplySchema }

export class SessionChecks {
  readonly #parts: SessionChecksParts
  readonly #answers: RememberedAnswers<SessionQuestion, boolean>

  constructor(parts: SessionChecksParts) {
    this.#parts = parts
    this.#answers = new RememberedAnswers({ ...parts, ask: (question) => this.#ask(question), graceMs: 20 })
  }

  /** At once for one that is remembered. One that nobody can say anything about goes on. */
  hasEnded(names: readonly string[], startedAtMs: number): boolean | Promise<boolean> {
    const answer = this.#answers.lookUp(names[0]!, { names, startedAtMs }, limits)
    return answer instanceof Promise ? answer.then(isEnded) : isEnded(answer)
  }

  async #ask({ names, startedAtMs }: SessionQuestion): Promise<Answer<boolean>> {
    const { bus, scope, timeoutMs } = this.#parts
    const { ended, version } = await call(bus, subjects.authSession(scope), types, { scope, names: [...names], startedAtMs }, { timeoutMs })
    return { value: ended, names: names.map(aboutCredential), version }
  }
}

function isEnded(answer: Remembered<boolean> | Away): boolean {
  return 'value' in answer && answer.value
}
