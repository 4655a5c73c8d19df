/** Logins at all issuers, by settings. A refresh that is asked for many times at once, or again by a browser that missed the answer, is one. */
import { createHmac, randomBytes } from 'node:crypto'
import { SluiceError } from '@sluice/errors'
import type { Clock } from '@sluice/service-kit'
import { LRUCache } from 'lru-cache'
import { reasonOf } from '../issuers/reason-of.ts'
import { type CodeFacts, type Endpoints, LoginClient, type LoginOutcome, type LoginSettings } from './login-client.ts'

export type LoginQuestion = 'endpoints' | 'login' | 'refresh' | 'keys'

export interface LoginsParts {
  readonly clock: Clock
  readonly onAnswered: (question: LoginQuestion, outcome: 'answered' | 'refused') => void
  /** `reason` is for the log. */
  readonly onFailed: (question: LoginQuestion, issuer: string, reason: string) => void
}

const maxClients = 1000
/** Issuers that rotate refresh tokens take the second use of one for theft; a browser's other requests still carry it. */
export const refreshedMs = 120_000
const maxRefreshed = 10_000
const maxRefreshedCharacters = 16 * 1024 * 1024

export class Logins {
  readonly #parts: LoginsParts
  readonly #secret = randomBytes(32)
  readonly #clients = new LRUCache<string, LoginClient>({ max: maxClients })
  readonly #refreshed: LRUCache<string, LoginOutcome>
  readonly #refreshing = new Map<string, Promise<LoginOutcome>>()

  constructor(parts: LoginsParts) {
    this.#parts = parts
    // lru-cache takes an instant of 0 for none at all, so its time begins at 1.
    const perf = { now: () => parts.clock.monotonic() + 1 }
    this.#refreshed = new LRUCache({ max: maxRefreshed, maxSize: maxRefreshedCharacters, sizeCalculation: sizeOf, ttl: refreshedMs, ttlResolution: 0, perf })
  }

  /** These throw `dependency.issuer_unreachable`, `dependency.verifier_overloaded`, `config.invalid`. */
  endpoints(settings: LoginSettings): Promise<Endpoints> {
    return this.#ask('endpoints', settings, (client) => client.endpoints())
  }

  login(settings: LoginSettings, facts: CodeFacts): Promise<LoginOutcome> {
    return this.#ask('login', settings, (client) => client.redeem(facts))
  }

  refresh(settings: LoginSettings, refreshToken: string, subject: string): Promise<LoginOutcome> {
    const key = this.#digest([...Object.values(settings), subject, refreshToken])
    const known = this.#refreshed.get(key)
    if (known !== undefined) return Promise.resolve(known)
    const running = this.#refreshing.get(key) ?? this.#refresh(key, settings, refreshToken, subject)
    this.#refreshing.set(key, running)
    return running
  }

  keySetAddress(settings: LoginSettings): Promise<string | undefined> {
    return this.#ask('keys', settings, (client) => client.keySetAddress())
  }

  async #refresh(key: string, settings: LoginSettings, refreshToken: string, subject: string): Promise<LoginOutcome> {
    try {
      const outcome = await this.#ask('refresh', settings, (client) => client.refresh(refreshToken, subject))
      this.#refreshed.set(key, outcome)
      return outcome
    } finally {
      this.#refreshing.delete(key)
    }
  }

  async #ask<T extends object | string | undefined>(question: LoginQuestion, settings: LoginSettings, ask: (client: LoginClient) => Promise<T>): Promise<T> {
    const { onAnswered, onFailed } = this.#parts
    const client = this.#open(settings)
    try {
      const answer = await ask(client)
      onAnswered(question, typeof answer === 'object' && 'refusal' in answer ? 'refused' : 'answered')
      return answer
    } catch (error) {
      if (error instanceof SluiceError) throw error
      onFailed(question, settings.issuer, reasonOf(error))
      throw new SluiceError('dependency.issuer_unreachable')
    }
  }

  #open(settings: LoginSettings): LoginClient {
    const key = this.#digest(Object.values(settings))
    const known = this.#clients.get(key)
    if (known !== undefined) return known
    const opened = new LoginClient(settings, this.#parts.clock)
    this.#clients.set(key, opened)
    return opened
  }

  #digest(values: readonly unknown[]): string {
    return createHmac('sha256', this.#secret).update(JSON.stringify(values)).digest('base64')
  }
}

function sizeOf(outcome: LoginOutcome): number {
  if ('refusal' in outcome) return 100
  const { accessToken, refreshToken, idToken } = outcome.tokens
  return 1000 + accessToken.length + refreshToken.length + idToken.length
}
