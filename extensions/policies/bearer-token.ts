import { quoted } from '@sluice/http'
import { Blindness } from './blindness.ts'
import { type CredentialSource, hideCredential, parseSource, readCredential } from './credential-source.ts'
import type { Exchange, Identity, RequestFacts } from './exchange.ts'
import { type HookResult, type IdentityPart, type Policy, type Refusal, type TokenChecks, type Verdict, refuse, refuseUnchecked } from './policy.ts'

/** No token in use comes near it; what is longer is not worth a thread's or an issuer's time. */
const maxTokenLength = 16_384

export interface BearerTokenSettings {
  readonly from: string
  readonly scopes: readonly string[]
  readonly forwardToken: boolean
  readonly throttleFailures: boolean
  readonly whenBlind: 'continue' | 'refuse'
}

/** RFC 6750: a bearer token, looked at by whoever can tell what it is; refusals are made ahead. */
export class BearerToken implements Policy {
  private readonly checker: TokenChecks
  private readonly throttles: boolean
  private readonly source: CredentialSource
  private readonly scopes: readonly string[]
  private readonly forwardToken: boolean
  private readonly blindness: Blindness
  private readonly noToken: Refusal
  private readonly invalidToken: Refusal
  private readonly insufficientScope: Refusal

  constructor(checker: TokenChecks, settings: BearerTokenSettings, identity: IdentityPart) {
    this.checker = checker
    this.throttles = settings.throttleFailures
    this.source = parseSource(settings.from)!
    this.scopes = settings.scopes
    this.forwardToken = settings.forwardToken
    this.blindness = new Blindness(settings.whenBlind, identity)
    const challenge = 'Bearer realm="sluice"'
    const wanted = `${challenge}, error="insufficient_scope", scope=${quoted(settings.scopes.join(' '))}`
    // RFC 6750 §3.1: a request without a token is told no error code.
    this.noToken = { ...refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', challenge]), withoutCredential: true }
    this.invalidToken = refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', `${challenge}, error="invalid_token"`])
    this.insufficientScope = refuse('policy.insufficient_scope', undefined, ['WWW-Authenticate', wanted])
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const token = tokenIn(this.source, exchange.request)
    if (token === undefined) return this.noToken
    if (token === '' || token.length > maxTokenLength) return this.invalidToken
    const verdict = this.checker.check(token, this.throttles ? exchange.client.address : undefined)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, exchange)) : this.decide(verdict, exchange)
  }

  private decide(verdict: Verdict, exchange: Exchange): HookResult {
    if (verdict.outcome === 'invalid') return this.invalidToken
    if (verdict.outcome !== 'valid') return refuseUnchecked(verdict)
    if (this.blindness.refuses()) return refuse('dependency.auth_unreachable')
    if (!hasScopes(verdict.identity, this.scopes)) return this.insufficientScope
    exchange.identity = verdict.identity
    if (!this.forwardToken) hideCredential(this.source, exchange.request)
    return undefined
  }
}

function hasScopes(identity: Identity, wanted: readonly string[]): boolean {
  for (const scope of wanted) if (!identity.scopes.includes(scope)) return false
  return true
}

/** The token; undefined when there is none, or `Authorization` is of another scheme; '' when it cannot be one. */
function tokenIn(source: CredentialSource, request: RequestFacts): string | undefined {
  const value = readCredential(source, request)
  if (value === undefined || source.kind !== 'header') return value
  const afterScheme = afterBearer(value)
  if (afterScheme !== undefined) return afterScheme
  return source.name === 'authorization' && value !== '' ? undefined : value
}

/** What stands behind `Bearer`, whose spelling does not matter (RFC 9110 §11.1); undefined for another scheme. */
function afterBearer(value: string): string | undefined {
  if (!value.startsWith('Bearer') && value.slice(0, 6).toLowerCase() !== 'bearer') return undefined
  if (value.length === 6) return ''
  if (value.charCodeAt(6) !== 0x20) return undefined
  const token = value.slice(7)
  return token.charCodeAt(0) > 0x20 && token.charCodeAt(token.length - 1) > 0x20 ? token : token.trim()
}
