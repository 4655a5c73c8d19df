/** Logins of browsers: what has to be asked of an issuer is asked of auth, and who logged in is looked up like a token's subject. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { Bus } from '@sluice/buses/bus'
import { type Call, call } from '@sluice/buses/rpc'
import { codeOf, sourceOf } from '@sluice/errors'
import type { LoginEndpoints, LoginFacts, LoginOutcome, LoginRules, Logins as LoginsPart, Unchecked, Verdict } from '@sluice/policies/policy'
import * as messages from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import type { ConsumersBySubject } from './consumers-by-subject.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { SessionChecks } from './session-checks.ts'
import { TokenIdentities } from './token-identities.ts'

export interface LoginsParts {
  readonly bus: Bus
  readonly scope: string
  readonly attempts: FailedAttempts
  readonly consumers: ConsumersBySubject
  readonly sessions: SessionChecks
  /** For questions that auth answers by itself. */
  readonly timeoutMs: number
}

type Ended = Awaited<ReturnType<LoginsPart['endByIssuer']>>

const method = 'oidc-login'
/** Auth's own part of a question: metadata, tokens and keys may each have to be fetched. */
const overheadMs = 500
const fetches = 3
const endpointTypes = { request: messages.IssuerEndpointsRequestSchema, reply: messages.IssuerEndpointsReplySchema }
const loginTypes = { request: messages.LoginRequestSchema, reply: messages.LoginReplySchema }
const refreshTypes = { request: messages.RefreshRequestSchema, reply: messages.LoginReplySchema }
const endTypes = { request: messages.SessionEndRequestSchema, reply: messages.SessionEndReplySchema }
const logoutTypes = { request: messages.LogoutTokenRequestSchema, reply: messages.LogoutTokenReplySchema }

export class Logins implements LoginsPart {
  readonly #rules: LoginRules
  readonly #parts: LoginsParts
  readonly #identities: TokenIdentities

  constructor(rules: LoginRules, parts: LoginsParts) {
    this.#rules = rules
    this.#parts = parts
    this.#identities = new TokenIdentities(parts.consumers, [rules.consumerClaim], method)
  }

  async endpoints(): Promise<LoginEndpoints | Unchecked> {
    const { scope } = this.#parts
    return this.#askIssuer(subjects.authIssuerEndpoints, endpointTypes, { scope, client: this.#client() })
  }

  async redeem(facts: LoginFacts, address?: string): Promise<LoginOutcome> {
    const { attempts, scope } = this.#parts
    const throttled = attempts.refuse(method, { address })
    if (throttled?.outcome === 'throttled') return throttled
    const reply = await this.#askIssuer(subjects.authLogin, loginTypes, { scope, client: this.#client(), ...facts })
    if ('refusal' in reply && reply.refusal !== '') attempts.failed(method, { address })
    return outcomeOf(reply)
  }

  async refresh(refreshToken: string, subject: string): Promise<LoginOutcome> {
    const { scope } = this.#parts
    return outcomeOf(await this.#askIssuer(subjects.authRefresh, refreshTypes, { scope, client: this.#client(), refreshToken, subject }))
  }

  hasEnded(names: readonly string[], startedAtMs: number): boolean | Promise<boolean> {
    return this.#parts.sessions.hasEnded(names, startedAtMs)
  }

  async end(names: readonly string[], untilMs: number): Promise<boolean> {
    const { scope, timeoutMs } = this.#parts
    // Whenever it began: clocks of edges differ, and no later session bears the name.
    const reply = await this.#ask(subjects.authSessionEnd, endTypes, { scope, names: [...names], beforeMs: untilMs, untilMs }, timeoutMs)
    return 'version' in reply
  }

  async endByIssuer(logoutToken: string, address?: string): Promise<Ended> {
    const { attempts, scope } = this.#parts
    const throttled = attempts.refuse(method, { address })
    if (throttled?.outcome === 'throttled') return throttled
    const reply = await this.#askIssuer(subjects.authLogoutToken, logoutTypes, { scope, client: this.#client(), logoutToken, sessionSeconds: this.#rules.sessionSeconds })
    if (!('refusal' in reply)) return reply
    if (reply.refusal === '') return { outcome: 'ended' }
    attempts.failed(method, { address })
    return { outcome: 'refused', reason: reply.refusal }
  }

  identify(claims: Readonly<Record<string, unknown>>): Verdict | Promise<Verdict> {
    return this.#identities.identify(claims)
  }

  #client(): MessageInitShape<typeof messages.IssuerClientSchema> {
    const { issuer, clientId, clientSecret, secretInBody, insecure, timeoutMs } = this.#rules
    return { issuer, clientId, clientSecret, secretInBody, insecure, timeoutMs }
  }

  #askIssuer<Q extends DescMessage, A extends DescMessage>(subject: (scope: string) => string, types: Call<Q, A>, question: MessageInitShape<Q>): Promise<MessageShape<A> | Unchecked> {
    return this.#ask(subject, types, question, this.#rules.timeoutMs * fetches + overheadMs)
  }

  async #ask<Q extends DescMessage, A extends DescMessage>(subject: (scope: string) => string, types: Call<Q, A>, question: MessageInitShape<Q>, timeoutMs: number): Promise<MessageShape<A> | Unchecked> {
    const { bus, scope } = this.#parts
    try {
      return await call(bus, subject(scope), types, question, { timeoutMs })
    } catch (error) {
      const code = codeOf(error)
      const isAuths = code === 'dependency.issuer_unreachable' || code === 'dependency.key_set_unavailable' || code === 'dependency.verifier_overloaded'
      return { outcome: 'unavailable', code: sourceOf(code) === 'dependency' && !isAuths ? 'dependency.auth_unreachable' : code }
    }
  }
}

function outcomeOf(reply: messages.LoginReply | Unchecked): LoginOutcome {
  if ('outcome' in reply) return reply
  const { refusal, claims, idToken, accessToken, refreshToken, expiresInSeconds, sessionNames } = reply
  if (refusal !== '') return { outcome: 'refused', reason: refusal }
  const read = claims.length === 0 ? undefined : (JSON.parse(Buffer.from(claims).toString('utf8')) as Record<string, unknown>)
  return { outcome: 'tokens', tokens: { claims: read, idToken, accessToken, refreshToken, expiresInSeconds, sessionNames } }
}
