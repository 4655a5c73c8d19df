/**
 * Another server asked about requests. A yes is remembered for as long as the rules say, and asked for once by requests
 * that are alike; a no, and whatever is no answer, never. Bounded in time, in size, and in how many ask at once.
 */
import type { ExternalAnswer, ExternalChecks as Checks, ExternalQuestion, ExternalRules, Verdict } from '@sluice/policies/policy'
import { RecentMap } from '@sluice/verifier'
import type { Authorization } from './authorization.ts'
import type { ConsumersBySubject } from './consumers-by-subject.ts'
import { GrpcAuthorization } from './grpc-authorization.ts'
import { HttpAuthorization } from './http-authorization.ts'
import { TokenIdentities } from './token-identities.ts'

export interface ExternalChecksParts {
  readonly consumers: ConsumersBySubject
  readonly clock: { monotonic(): number }
  readonly logger: { warn(facts: object, message: string): void }
}

interface Yes {
  readonly answer: ExternalAnswer
  readonly untilMs: number
}

const maxRunning = 1024
const capacity = 10_000
const warnEveryMs = 60_000

export class ExternalChecks implements Checks {
  readonly #rules: ExternalRules
  readonly #parts: ExternalChecksParts
  readonly #authorization: Authorization
  readonly #identities: TokenIdentities
  readonly #yes = new RecentMap<Yes>(capacity)
  readonly #pending = new Map<string, Promise<ExternalAnswer>>()
  #running = 0
  #warnedAt = -Infinity

  constructor(rules: ExternalRules, parts: ExternalChecksParts) {
    this.#rules = rules
    this.#parts = parts
    this.#authorization = rules.url === undefined ? new GrpcAuthorization(rules.grpc!, rules.timeoutMs) : new HttpAuthorization(rules.url, rules.timeoutMs)
    this.#identities = new TokenIdentities(parts.consumers, ['sub'], 'ext-auth')
  }

  ask(question: ExternalQuestion, cacheKey: string): ExternalAnswer | Promise<ExternalAnswer> {
    if (cacheKey === '') return this.#ask(question)
    const known = this.#yes.get(cacheKey)
    if (known !== undefined && this.#parts.clock.monotonic() < known.untilMs) return known.answer
    return this.#pending.get(cacheKey) ?? this.#askOnce(question, cacheKey)
  }

  identify(subject: string): Verdict | Promise<Verdict> {
    return this.#identities.identify({ sub: subject })
  }

  #askOnce(question: ExternalQuestion, cacheKey: string): Promise<ExternalAnswer> {
    const { clock } = this.#parts
    const at = clock.monotonic()
    const asked = this.#ask(question)
      .then((answer) => {
        if (answer.outcome === 'allowed') this.#yes.set(cacheKey, { answer, untilMs: at + this.#rules.cacheSeconds * 1000 })
        return answer
      })
      .finally(() => this.#pending.delete(cacheKey))
    this.#pending.set(cacheKey, asked)
    return asked
  }

  async #ask(question: ExternalQuestion): Promise<ExternalAnswer> {
    if (this.#running >= maxRunning) return { outcome: 'unavailable' }
    this.#running++
    try {
      return await this.#authorization.ask(question)
    } catch (error) {
      this.#warn(error)
      return { outcome: 'unavailable' }
    } finally {
      this.#running--
    }
  }

  #warn(error: unknown): void {
    const now = this.#parts.clock.monotonic()
    if (now - this.#warnedAt < warnEveryMs) return
    this.#warnedAt = now
    const { url, grpc } = this.#rules
    this.#parts.logger.warn({ server: new URL(url ?? grpc!).origin, reason: error instanceof Error ? error.message : String(error) }, 'the server that decides about requests gives no answer')
  }
}
