/** What policies are given to find out who is calling, and whether that may be. All of it is somebody else's work: a thread's, auth's, an issuer's. */
import type { ErrorCode } from '@sluice/errors'
import type { Identity } from './exchange.ts'

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
