/**
 * Opaque tokens as identities: what their issuer says of them (RFC 7662) is asked of auth, and used for as long as the
 * rules say, never past `exp`. Tokens are remembered under an HMAC with a secret that only this process has.
 */
import { createHmac } from 'node:crypto'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { SluiceError } from '@sluice/errors'
import type { IntrospectionRules, Verdict } from '@sluice/policies/policy'
import { IntrospectReplySchema, IntrospectRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { checkClaims, type ClaimRules } from '@sluice/verifier'
import type { ConsumersBySubject } from './consumers-by-subject.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { KnownChanges } from './known-changes.ts'
import { type Answer, type Away, type Limits, type Remembered, RememberedAnswers } from './remembered-answers.ts'
import type { RevokedTokens } from './revoked-tokens.ts'
import { type Claims, TokenIdentities } from './token-identities.ts'

export interface IntrospectedTokensParts {
  readonly bus: Bus
  readonly scope: string
  readonly attempts: FailedAttempts
  readonly changes: KnownChanges
  readonly clock: { now(): number; monotonic(): number }
  readonly consumers: ConsumersBySubject
  readonly revoked: RevokedTokens
  /** Of this process. */
  readonly secret: Uint8Array
}

type IssuerAnswer = { readonly claims: Claims; readonly expiresAtMs: number } | { readonly reason: string }

const invalid = (reason: string): Verdict => ({ outcome: 'invalid', reason })
const expired = invalid('expired')
const revoked = invalid('revoked')
const method = 'oauth2-introspection'
const inactive: IssuerAnswer = { reason: 'inactive' }
const types = { request: IntrospectRequestSchema, reply: IntrospectReplySchema }
/** Auth's own part of a question, and the way there and back. */
const overheadMs = 500
/** An answer of auth's may be half as old as one may get here: asked again at eight tenths, it is then a newer one. */
const shareOfAge = 0.5
/** Of one set of rules. */
const capacity = 20_000

export class IntrospectedTokens {
  readonly #rules: IntrospectionRules
  readonly #parts: IntrospectedTokensParts
  readonly #claimRules: ClaimRules
  readonly #limits: Limits
  /** Of tokens whose issuer does not say who it is (RFC 7662 §2.2 leaves it that). */
  readonly #issuer: string
  readonly #identities: TokenIdentities
  readonly #answers: RememberedAnswers<string, IssuerAnswer>

  constructor(rules: IntrospectionRules, parts: IntrospectedTokensParts) {
    this.#rules = rules
    this.#parts = parts
    this.#issuer = rules.issuer ?? rules.introspectionUrl ?? ''
    this.#claimRules = { issuer: undefined, audiences: rules.audiences, leewaySeconds: 0, requiredClaims: rules.requiredClaims }
    const freshMs = rules.cacheSeconds * 1000
    this.#limits = { freshMs, staleMs: Math.max(freshMs, rules.staleSeconds * 1000) }
    // RFC 7662 §2.2: a token that a client has for itself may name no subject, but its client.
    this.#identities = new TokenIdentities(parts.consumers, rules.consumerClaim === undefined ? ['sub', 'client_id'] : [rules.consumerClaim], method)
    this.#answers = new RememberedAnswers({ ...parts, ask: (token) => this.#ask(token), graceMs: 50, capacity })
  }

  /** At once for a token and a subject that are remembered; costs an HMAC, about 3 µs. */
  check(token: string, address?: string): Verdict | Promise<Verdict> {
    const digest = createHmac('sha256', this.#parts.secret).update(token).digest('base64')
    const throttled = address === undefined || this.#answers.isKnown(digest) ? undefined : this.#parts.attempts.refuse(method, { address })
    if (throttled !== undefined) return throttled
    const answer = this.#answers.lookUp(digest, token, this.#limits)
    return answer instanceof Promise ? answer.then((late) => this.#verdict(late, address)) : this.#verdict(answer, address)
  }

  #verdict(answer: Remembered<IssuerAnswer> | Away, address: string | undefined): Verdict | Promise<Verdict> {
    if ('away' in answer) return { outcome: 'unavailable', code: answer.away }
    const { value } = answer
    if ('reason' in value) {
      this.#parts.attempts.failed(method, { address })
      return invalid(value.reason)
    }
    if (this.#parts.clock.now() >= value.expiresAtMs) return expired
    return this.#parts.revoked.size !== 0 && this.#parts.revoked.refuses(value.claims, this.#issuer) ? revoked : this.#identities.identify(value.claims)
  }

  async #ask(token: string): Promise<Answer<IssuerAnswer>> {
    const { bus, scope } = this.#parts
    const { introspectionUrl = '', issuer = '', clientId, clientSecret, secretInBody, insecure, timeoutMs } = this.#rules
    const maxAgeMs = this.#limits.freshMs * shareOfAge
    const question = { scope, token, introspectionUrl, issuer, clientId, clientSecret, secretInBody, insecure, timeoutMs, maxAgeMs }
    const { active, claims, ageMs } = await call(bus, subjects.authIntrospect(scope), types, question, { timeoutMs: timeoutMs + overheadMs })
    const value = active ? this.#read(claims) : inactive
    // No change of credentials turns it, and none makes it old: whose the subject is is asked apart.
    return { value, names: 'reason' in value ? undefined : [], version: Infinity, ageMs }
  }

  #read(bytes: Uint8Array): IssuerAnswer {
    const claims = JSON.parse(Buffer.from(bytes).toString('utf8')) as Claims
    refuseUnreadableDates(claims)
    const problem = boundToMore(claims) ?? checkClaims(claims, this.#claimRules, this.#parts.clock.now() / 1000)
    if (problem !== undefined) return { reason: problem }
    const { exp } = claims
    return { claims: Object.freeze(claims), expiresAtMs: typeof exp === 'number' ? exp * 1000 : Infinity }
  }
}

/**
 * A token that is good only together with a proof (RFC 8705 §3, RFC 9449 §6) is no bearer token; nor is one that the
 * issuer says is of another type, such as a refresh token.
 */
function boundToMore({ cnf, token_type: type }: Claims): string | undefined {
  if (cnf !== undefined && cnf !== null) return 'token_bound'
  return type === undefined || type === null || (typeof type === 'string' && /^(?:bearer|access_token)$/i.test(type)) ? undefined : 'token_not_bearer'
}

/** An issuer whose dates cannot be read has not said how long the token is good. Throws `dependency.issuer_unreachable`. */
function refuseUnreadableDates(claims: Claims): void {
  for (const name of ['exp', 'nbf', 'iat']) {
    const value = claims[name]
    if (value !== undefined && value !== null && !Number.isFinite(value)) throw new SluiceError('dependency.issuer_unreachable', { detail: `The issuer's "${name}" is no number` })
  }
}
