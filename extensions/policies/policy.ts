/**
 * The contract of a policy. `schema.ts` of a policy's folder exports a `PolicySchema`, its implementation a
 * `compile` function. Compiled once per snapshot and route, then run as one step of a plain loop; a hook answers
 * synchronously whenever it can and returns a promise only when something has to be fetched.
 */
import type { ErrorCode } from '@sluice/errors'
import type { HeaderFields } from '@sluice/http'
import type { z } from 'zod'
import type { Exchange, Identity } from './exchange.ts'

export type HookName = 'onRequest' | 'onRequestBody' | 'onAttempt' | 'onUpstreamResponse' | 'onResponse' | 'onResponseBody' | 'onDone'

export interface PolicySchema<S = unknown> {
  readonly name: string
  readonly settings: z.ZodType<S>
  readonly hooks: readonly HookName[]
  /** An identity policy says who is calling. Several on a route must all pass. */
  readonly identity?: true
  /** These settings need no identity: the policy runs before the identity policies. */
  readonly early?: (settings: S) => boolean
  /** It counts each request, or asks another server with each: left out when a request is only tried. */
  readonly countsOrAsks?: true
  /** The policy answers by itself: a route with it needs no upstream. */
  readonly answers?: true
  /** Clients are asked for a certificate in the TLS handshake, by these authorities (PEM). */
  readonly clientAuthorities?: (settings: S) => string
  /** Its `cache` says what the edge's phase `cache` goes by. */
  readonly caches?: true
  /** It stands on every route, with its defaults, unless it is set there or switched off. */
  readonly always?: true
  /** Policies inside the settings, to be checked and compiled like those of a route; with `mustIdentify` only identity policies may stand there. */
  readonly nested?: (settings: S) => readonly { path: readonly (string | number)[]; entry: Record<string, unknown>; mustIdentify?: true }[]
  /** Problems that a schema cannot say, such as a wildcard beside credentials. Paths lead into the settings. */
  readonly problems?: (settings: S) => readonly { path: readonly (string | number)[]; message: string }[]
}

/** The walk ends here: an answer to send, or a refusal with a code of the catalogue. */
export type Decision = Answer | Refusal

export interface Answer {
  readonly kind: 'answer'
  readonly status: number
  /** Flat `[name, value, …]`. */
  readonly headers: readonly string[]
  readonly body: string
}

export interface Refusal {
  readonly kind: 'refusal'
  readonly code: ErrorCode
  /** For the client: what to do next. No secrets. */
  readonly message?: string
  /** Flat `[name, value, …]`. */
  readonly headers?: readonly string[]
  /** Instead of the catalogue's. */
  readonly status?: number
  /** From an identity policy: the request held no credential of its kind, so nothing was tried. */
  readonly withoutCredential?: true
}

export function refuse(code: ErrorCode, message?: string, headers?: readonly string[]): Refusal {
  return { kind: 'refusal', code, ...(message === undefined ? {} : { message }), ...(headers === undefined ? {} : { headers }) }
}

/** Why nobody is admitted when a verdict is neither valid nor invalid. */
export function refuseUnchecked(verdict: Unchecked): Refusal {
  if (verdict.outcome === 'unavailable') return refuse(verdict.code)
  return refuse('policy.too_many_attempts', undefined, ['Retry-After', String(verdict.retryAfterSeconds)])
}

export type HookResult = Decision | undefined

export interface Policy {
  onRequest?(exchange: Exchange): HookResult | Promise<HookResult>
  /** Sees each piece on its way to the upstream; `bytesSoFar` counts it. */
  onRequestBody?(exchange: Exchange, bytesSoFar: number, piece: Uint8Array): HookResult
  /** Before each attempt: `headers` and `target` (path and query) are what the endpoint will see. Fields may be set here that depend on both. */
  onAttempt?(exchange: Exchange, headers: HeaderFields, target: string): void
  /** Before the response is sent, the upstream's or an answer; in reverse order. */
  onResponse?(exchange: Exchange): void | Promise<void>
  /** Sees each piece of the upstream's response on its way to the client; keeps nothing of it. */
  onResponseBody?(exchange: Exchange, piece: Uint8Array): void
  /** Observes the finished exchange. */
  onDone?(exchange: Exchange): void
  /** Of the policy `cache`, which has no hooks: the edge looks responses up behind the request policies. */
  readonly cache?: CacheRules
}

/** What the edge's phase `cache` goes by. */
export interface CacheRules {
  /** Instead of the lifetime that a response names; undefined: as it says. */
  readonly ttlMs: number | undefined
  readonly maxObjectBytes: number
  /** Also where all edges have them together. */
  readonly sharesStore: boolean
  /** Undefined: the whole query tells responses apart. */
  readonly keyQuery: ReadonlySet<string> | undefined
  /** In lower case, sorted. */
  readonly keyHeaders: readonly string[]
  /** For responses that do not say it themselves. */
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** The name of a policy in shadow: what would be answered is recorded, and nobody is answered with it. */
  readonly inShadow?: string
  tagsOf(exchange: Exchange): string[]
}

export interface PolicyModule<S = never> {
  compile(settings: S, parts: PolicyParts): Policy
}

/** What a policy is given. It never sees the bus. */
export interface PolicyParts {
  readonly clock: { now(): number; monotonic(): number }
  readonly logger: { warn(facts: object, message: string): void; info(facts: object, message: string): void }
  readonly identity: IdentityPart
  readonly quota: QuotaPart
  /** Where it stands: a name that stays the same while the policy's place and name do. */
  readonly place: PolicyPlace
  /** For policies that hold others. */
  compile(entry: Record<string, unknown>): Policy
}

export interface PolicyPlace {
  /** `global`, `upstream:users`, `route:get-user`, `group:gold` */
  readonly level: string
  readonly type: string
  /** The `name` setting, or the type. */
  readonly name: string
}

export type Verdict =
  | { readonly outcome: 'valid'; readonly identity: Identity }
  /** `reason` is for the access record and for explain; the client is told no more than `policy.unauthenticated`. */
  | { readonly outcome: 'invalid'; readonly reason: string }
  /** The gateway's own part is away: a `dependency.*` code, answered 503. */
  | { readonly outcome: 'unavailable'; readonly code: ErrorCode }
  /** Not looked at: too many attempts from there, or of that name, failed. */
  | { readonly outcome: 'throttled'; readonly retryAfterSeconds: number }

/** Nothing was found out. */
export type Unchecked = Extract<Verdict, { outcome: 'unavailable' | 'throttled' }>

export interface TokenRules {
  readonly issuer: string | undefined
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[] | undefined
  readonly jwksUri: string | undefined
  /** The JWKS document's text. */
  readonly jwks: string | undefined
  readonly keys: readonly { kid?: string; alg?: string; pem?: string; secret?: string }[] | undefined
  readonly leewaySeconds: number
  readonly requiredClaims: Readonly<Record<string, unknown>> | readonly string[]
  readonly consumerClaim: string
  readonly insecure: boolean
}

/** How an issuer is asked about opaque tokens (RFC 7662), and what it has to say of them. */
export interface IntrospectionRules {
  /** One of the two is there: where the issuer is asked, or whose metadata says where. */
  readonly introspectionUrl: string | undefined
  readonly issuer: string | undefined
  readonly clientId: string
  readonly clientSecret: string
  readonly secretInBody: boolean
  readonly insecure: boolean
  readonly timeoutMs: number
  readonly cacheSeconds: number
  readonly staleSeconds: number
  readonly audiences: readonly string[]
  readonly requiredClaims: Readonly<Record<string, unknown>> | readonly string[]
  /** Undefined: `sub`, or `client_id` when there is none. */
  readonly consumerClaim: string | undefined
}

/** How long what auth said of a secret is used: without asking, and while auth is away. */
export interface SecretRules {
  readonly cacheSeconds: number
  readonly staleSeconds: number
}

/** `from` is the client's address, to count failed attempts by; left out, they are not slowed. */
export interface TokenChecks {
  check(token: string, from?: string): Verdict | Promise<Verdict>
}

export interface KeyChecks {
  check(key: string, from?: string): Verdict | Promise<Verdict>
}

export interface PasswordChecks {
  /** The user name holds no colon. */
  check(username: string, password: string, from?: string): Verdict | Promise<Verdict>
}

export interface NameChecks {
  /** Who has the name `facts.sub`, which was proven otherwise. The same object for as long as it is the same caller. */
  identify(facts: Readonly<Record<string, unknown>>): Verdict | Promise<Verdict>
}

/** Keys that requests are signed with (RFC 9421), each with the one algorithm it checks, as JOSE names it. */
export interface SignatureRules {
  readonly keys: readonly { readonly keyId: string; readonly algorithm: string; readonly pem: string | undefined; readonly secret: string | undefined; readonly subject: string }[]
}

export interface SignedText {
  readonly keyId: string
  /** What was signed, one character a byte. */
  readonly base: string
  /** base64url */
  readonly signature: string
}

export interface SignatureChecks {
  check(signed: SignedText, from?: string): Verdict | Promise<Verdict>
}

/** How browsers log in at an issuer (OpenID Connect Core 1.0 §3.1). */
export interface LoginRules {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly secretInBody: boolean
  readonly insecure: boolean
  readonly timeoutMs: number
  readonly sessionSeconds: number
  readonly consumerClaim: string
}

export interface LoginEndpoints {
  readonly authorizationEndpoint: string
  /** Empty: the issuer has none. */
  readonly endSessionEndpoint: string
}

export interface LoginTokens {
  /** Of the ID token; undefined when a refresh brought none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
  readonly idToken: string
  readonly accessToken: string
  /** Empty: there is none, or the one before stays. */
  readonly refreshToken: string
  /** Of the access token; 0: not said. */
  readonly expiresInSeconds: number
  /** What the session is ended by, besides a name of its own; of a login only. */
  readonly sessionNames: readonly string[]
}

/** What a browser came back with. */
export interface LoginFacts {
  readonly callbackUrl: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

export type LoginOutcome = { readonly outcome: 'tokens'; readonly tokens: LoginTokens } | { readonly outcome: 'refused'; readonly reason: string } | Unchecked

/** The issuer is spoken to by auth; none of these rejects. */
export interface Logins {
  endpoints(): Promise<LoginEndpoints | Unchecked>
  /** `from`: as of `TokenChecks`. */
  redeem(facts: LoginFacts, from?: string): Promise<LoginOutcome>
  refresh(refreshToken: string, subject: string): Promise<LoginOutcome>
  /** Whether a session that began then is over before its time; at once for one that is remembered. While nobody can say, it goes on. */
  hasEnded(names: readonly string[], startedAtMs: number): boolean | Promise<boolean>
  /** Ends, on all edges, the session of these names, which no later one will bear; false when auth cannot be asked. `untilMs`: when it would end by itself. */
  end(names: readonly string[], untilMs: number): Promise<boolean>
  /** Ends those that the issuer says are over. */
  endByIssuer(logoutToken: string, from?: string): Promise<{ readonly outcome: 'ended' } | { readonly outcome: 'refused'; readonly reason: string } | Unchecked>
  /** Who it is that logged in. */
  identify(claims: Readonly<Record<string, unknown>>): Verdict | Promise<Verdict>
}

/** How tokens for upstreams are got: the gateway's own (RFC 6749 §4.4), or ones in exchange for callers' (RFC 8693). */
export interface UpstreamTokenRules {
  /** One of the two is there. */
  readonly issuer: string | undefined
  readonly tokenUrl: string | undefined
  readonly clientId: string
  readonly clientSecret: string
  readonly secretInBody: boolean
  readonly insecure: boolean
  readonly timeoutMs: number
  readonly scopes: readonly string[]
  readonly audience: string | undefined
  readonly resource: string | undefined
  readonly subjectTokenType: string | undefined
}

export type UpstreamToken =
  | { readonly outcome: 'token'; readonly value: string }
  /** The issuer's word against the caller's token. */
  | { readonly outcome: 'refused'; readonly reason: string }
  | Extract<Unchecked, { outcome: 'unavailable' }>

export interface UpstreamTokens {
  /** At once while one is good; in exchange for `subjectToken` when that is given. Never rejects. */
  get(subjectToken?: string): UpstreamToken | Promise<UpstreamToken>
  /** An upstream has refused this one: another is got for the next request. */
  renounce(value: string, subjectToken?: string): void
}

/** Another server that decides about requests. One of the two addresses is there. */
export interface ExternalRules {
  /** Asked by HTTP: any 2xx lets the request pass. */
  readonly url: string | undefined
  /** Asked by gRPC as Envoy does (`envoy.service.auth.v3.Authorization/Check`). */
  readonly grpc: string | undefined
  readonly timeoutMs: number
  readonly cacheSeconds: number
}

/** What the other server is told of a request. */
export interface ExternalQuestion {
  readonly requestId: string
  readonly method: string
  readonly scheme: string
  /** With its port where it is not the usual one. */
  readonly host: string
  /** Path and query as the client sent them. */
  readonly target: string
  readonly address: string
  /** Flat `[name, value, …]`: what is sent along. */
  readonly headers: readonly string[]
}

export type ExternalAnswer =
  /** `headers` are the answer's; `remove` and `responseHeaders` are known to gRPC only. */
  | { readonly outcome: 'allowed'; readonly headers: readonly string[]; readonly remove: readonly string[]; readonly responseHeaders: readonly string[] }
  | { readonly outcome: 'denied'; readonly status: number; readonly headers: readonly string[]; readonly body: string }
  | { readonly outcome: 'unavailable' }

export interface ExternalChecks {
  /** At once when a yes to the same `cacheKey` is remembered; an empty key is never remembered. Never rejects. */
  ask(question: ExternalQuestion, cacheKey: string): ExternalAnswer | Promise<ExternalAnswer>
  /** Whoever the other server says is calling. */
  identify(subject: string): Verdict | Promise<Verdict>
}

export interface IdentityPart {
  /** A checker of signed tokens under one set of rules; compiled once, shared by equal rules. */
  tokens(rules: TokenRules): TokenChecks
  /** A checker of opaque tokens, shared by equal rules. */
  introspection(rules: IntrospectionRules): TokenChecks
  keys(rules: SecretRules): KeyChecks
  passwords(rules: SecretRules): PasswordChecks
  /** Throws `config.invalid` for keys that cannot be used. */
  signatures(rules: SignatureRules): SignatureChecks
  external(rules: ExternalRules): ExternalChecks
  logins(rules: LoginRules): Logins
  upstreamTokens(rules: UpstreamTokenRules): UpstreamTokens
  /** Whether for 30 seconds nothing was heard of revocations, or may have been missed. */
  isBlind(): boolean
  /** `method`: what has proven the names. */
  names(method: string): NameChecks
}

/** How requests are counted; the READMEs of rate-limit and of the counters say what each means. */
export type LimitAlgorithm = 'token-bucket' | 'leaky-bucket' | 'fixed-window' | 'sliding-window' | 'sliding-window-log'

/** How far one count reaches: the availability zone, the datacenter, everywhere. */
export type LimitScope = 'az' | 'dc' | 'global'

export interface LimiterRules {
  /** Stays the same while the limit's place and name do: counts are kept under it. */
  readonly counter: string
  readonly algorithm: LimitAlgorithm
  readonly limit: number
  readonly windowSeconds: number
  /** The size of a bucket; `limit` for the other algorithms. */
  readonly burst: number
  /** An instant at which one of the windows begins [the Unix epoch]. */
  readonly originMs?: number
  /** For `leaky-bucket` only. */
  readonly maxWaitMs: number
  readonly mode: 'auto' | 'exact' | 'leased' | 'local'
  /** [dc] */
  readonly scope?: LimitScope
  readonly failure: 'open' | 'local' | 'closed'
}

export interface LimitVerdict {
  readonly admitted: boolean
  readonly remaining: number
  readonly resetMs: number
  readonly retryAfterMs: number
  /** Admitted by a leaky bucket: how long to hold the request. */
  readonly waitMs: number
  /** How it was decided: by the counters, or while they were away. */
  readonly decidedBy: 'counters' | 'open' | 'local' | 'closed'
}

export interface Limiter {
  take(key: string, cost: number): LimitVerdict | Promise<LimitVerdict>
  /** Gives back what a verdict took for a request that never went on. */
  giveBack(key: string, cost: number, verdict: LimitVerdict): void
  /** Counts what a request has used in place of what its verdict took, whether or not it is left. */
  settle(key: string, taken: number, used: number, verdict: LimitVerdict): void
}

export interface OpenLimitRules {
  readonly counter: string
  readonly limit: number
}

export interface OpenVerdict {
  readonly admitted: boolean
  /** Whether it was counted, so that it has to be left; not when it was let in while nobody could count. */
  readonly counted: boolean
  readonly remaining: number
}

/** How many requests are open under a key, on all workers of this edge together. */
export interface OpenLimit {
  enter(key: string): Promise<OpenVerdict>
  leave(key: string): void
}

export interface QuotaPart {
  limiter(rules: LimiterRules): Limiter
  openLimit(rules: OpenLimitRules): OpenLimit
  /** Passes on that a consumer has used so much of a quota; never waits, never throws. */
  reached(event: QuotaReached): void
}

export interface QuotaReached {
  readonly consumer: string
  /** Where the quota stands, and its name there. */
  readonly place: Pick<PolicyPlace, 'level' | 'name'>
  /** Of a quota that counts each route apart. */
  readonly route: string | undefined
  readonly percent: number
  readonly limit: number
  readonly period: 'day' | 'month'
  /** Which of them: `2026-11-22`, `2026-11`; of a quota that rolls, the day. */
  readonly window: string
}

export interface CatalogueEntry extends PolicySchema<never> {
  load(): Promise<PolicyModule>
}
