import { quoted } from '@sluice/http'
import { type CredentialSource, hideCredential, parseSource, readCredential } from '../credential-source.ts'
import type { Exchange, Identity, RequestFacts } from '../exchange.ts'
import { type HookResult, type Policy, type PolicyParts, type Refusal, type TokenRules, type Verdict, refuse } from '../policy.ts'
import type { JwtSettings } from './schema.ts'

/** No token in use comes near it; what is longer is not worth a thread's time. */
const maxTokenLength = 16_384

/** Throws when `jwksFile` still holds a path: its text takes its place before a snapshot is compiled. */
export function compile(settings: JwtSettings, parts: PolicyParts): Policy {
  return new Jwt(settings, parts)
}

/** RFC 6750: a bearer token, its signature and claims checked by the identity part; refusals are made ahead. */
class Jwt implements Policy {
  private readonly checker: ReturnType<PolicyParts['identity']['tokens']>
  private readonly source: CredentialSource
  private readonly scopes: readonly string[]
  private readonly forwardToken: boolean
  private readonly noToken: Refusal
  private readonly invalidToken: Refusal
  private readonly insufficientScope: Refusal

  constructor(settings: JwtSettings, parts: PolicyParts) {
    this.checker = parts.identity.tokens(rulesOf(settings))
    this.source = parseSource(settings.from)!
    this.scopes = settings.scopes
    this.forwardToken = settings.forwardToken
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
    const verdict = this.checker.check(token)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, exchange)) : this.decide(verdict, exchange)
  }

  private decide(verdict: Verdict, exchange: Exchange): HookResult {
    if (verdict.outcome === 'unavailable') return refuse(verdict.code)
    if (verdict.outcome === 'invalid') return this.invalidToken
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
  if (value.length < 6 || value.slice(0, 6).toLowerCase() !== 'bearer') return undefined
  if (value.length === 6) return ''
  return value.charCodeAt(6) === 0x20 ? value.slice(7).trim() : undefined
}

function rulesOf(settings: JwtSettings): TokenRules {
  const { jwksFile } = settings
  if (jwksFile !== undefined && !jwksFile.trimStart().startsWith('{')) throw new RangeError('"jwksFile" was not read, or holds no JSON object')
  return {
    issuer: settings.issuer,
    audiences: settings.audiences,
    algorithms: settings.algorithms,
    jwksUri: settings.jwksUri,
    jwks: jwksFile,
    keys: settings.keys?.map(withoutAbsent),
    leewaySeconds: settings.leewaySeconds,
    requiredClaims: settings.requiredClaims,
    consumerClaim: settings.consumerClaim,
    insecure: settings.insecure,
  }
}

type Key = NonNullable<TokenRules['keys']>[number]

function withoutAbsent(key: { kid?: string | undefined; alg?: string | undefined; pem?: string | undefined; secret?: string | undefined }): Key {
  return Object.fromEntries(Object.entries(key).filter(([, value]) => value !== undefined)) as Key
}
