/**
 * Tokens that upstreams are shown, as auth gets them. One that is good is at hand; one that nears its end is replaced
 * aside, so that nobody waits while the old one is good.
 */
import { createHmac } from 'node:crypto'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { codeOf, type ErrorCode } from '@sluice/errors'
import type { UpstreamToken, UpstreamTokenRules, UpstreamTokens as UpstreamTokensPart } from '@sluice/policies/policy'
import { UpstreamTokenReplySchema, UpstreamTokenRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { RecentMap } from '@sluice/verifier'

export interface UpstreamTokensParts {
  readonly bus: Bus
  readonly scope: string
  readonly clock: { monotonic(): number }
  /** Of this process. */
  readonly secret: Uint8Array
}

interface Known {
  readonly answer: UpstreamToken
  readonly renewAtMs: number
  readonly endsAtMs: number
}

const types = { request: UpstreamTokenRequestSchema, reply: UpstreamTokenReplySchema }
/** Auth's own part of a question, and the way there and back; metadata may have to be fetched first. */
const overheadMs = 500
const fetches = 2
/** It must still be good when it arrives. */
const marginMs = 1000
/** What an issuer refuses is refused again for so long; who could not be asked is left alone for so long. */
const refusedMs = 2000
const failedMs = 1000
/** An upstream that refuses every token must not have new ones made without end. */
const renounceMs = 10_000
const capacity = 20_000
const maxPending = 1000

export class UpstreamTokens implements UpstreamTokensPart {
  readonly #rules: UpstreamTokenRules
  readonly #parts: UpstreamTokensParts
  readonly #known = new RecentMap<Known>(capacity)
  readonly #pending = new Map<string, Promise<UpstreamToken>>()
  readonly #askedAgainAt = new RecentMap<number>(capacity)
  readonly #renounced = new RecentMap<{ readonly value: string; readonly atMs: number }>(capacity)

  constructor(rules: UpstreamTokenRules, parts: UpstreamTokensParts) {
    this.#rules = rules
    this.#parts = parts
  }

  get(subjectToken = ''): UpstreamToken | Promise<UpstreamToken> {
    const key = this.#keyOf(subjectToken)
    const known = this.#known.get(key)
    const now = this.#parts.clock.monotonic()
    if (known === undefined || now >= known.endsAtMs) return this.#ask(key, subjectToken)
    if (now >= known.renewAtMs && now - (this.#askedAgainAt.get(key) ?? -Infinity) >= failedMs) {
      this.#askedAgainAt.set(key, now)
      void this.#ask(key, subjectToken)
    }
    return known.answer
  }

  renounce(value: string, subjectToken = ''): void {
    const key = this.#keyOf(subjectToken)
    const now = this.#parts.clock.monotonic()
    const known = this.#known.get(key)
    const before = this.#renounced.get(key)
    if (known?.answer.outcome !== 'token' || known.answer.value !== value || (before !== undefined && now - before.atMs < renounceMs)) return
    this.#renounced.set(key, { value, atMs: now })
    this.#known.delete(key)
  }

  #ask(key: string, subjectToken: string): Promise<UpstreamToken> {
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending
    if (this.#pending.size >= maxPending) return Promise.resolve({ outcome: 'unavailable', code: 'dependency.auth_unreachable' })
    const asked = this.#askAuth(key, subjectToken).finally(() => this.#pending.delete(key))
    this.#pending.set(key, asked)
    return asked
  }

  async #askAuth(key: string, subjectToken: string): Promise<UpstreamToken> {
    const { bus, scope, clock } = this.#parts
    const { timeoutMs, issuer = '', tokenUrl = '', clientId, clientSecret, secretInBody, insecure, scopes, audience = '', resource = '', subjectTokenType = '' } = this.#rules
    const client = { issuer, clientId, clientSecret, secretInBody, insecure, timeoutMs }
    const question = { scope, client, tokenUrl, scopes: [...scopes], audience, resource, subjectToken, subjectTokenType, refusedToken: this.#renounced.get(key)?.value ?? '' }
    try {
      const { refusal, accessToken, expiresInMs, renewInMs } = await call(bus, subjects.authUpstreamToken(scope), types, question, { timeoutMs: timeoutMs * fetches + overheadMs })
      const now = clock.monotonic()
      if (refusal !== '') return this.#remember(key, { outcome: 'refused', reason: refusal }, now, refusedMs, refusedMs)
      return this.#remember(key, { outcome: 'token', value: accessToken }, now, renewInMs, expiresInMs - marginMs)
    } catch (error) {
      return this.#failed(key, codeOf(error))
    }
  }

  /** The old one, while it is good; otherwise nobody asks again at once. */
  #failed(key: string, code: ErrorCode): UpstreamToken {
    const now = this.#parts.clock.monotonic()
    const known = this.#known.get(key)
    if (known !== undefined && now < known.endsAtMs) return known.answer
    const isSaidByAuth = code === 'dependency.issuer_unreachable' || code === 'dependency.verifier_overloaded'
    return this.#remember(key, { outcome: 'unavailable', code: isSaidByAuth ? code : 'dependency.auth_unreachable' }, now, failedMs, failedMs)
  }

  #remember(key: string, answer: UpstreamToken, now: number, renewInMs: number, endsInMs: number): UpstreamToken {
    this.#known.set(key, { answer, renewAtMs: now + renewInMs, endsAtMs: now + endsInMs })
    return answer
  }

  #keyOf(subjectToken: string): string {
    return subjectToken === '' ? '' : createHmac('sha256', this.#parts.secret).update(subjectToken).digest('base64')
  }
}
