/**
 * The contract of a policy. `schema.ts` of a policy's folder exports a `PolicySchema`, its implementation a
 * `compile` function. Compiled once per snapshot and route, then run as one step of a plain loop; a hook answers
 * synchronously whenever it can and returns a promise only when something has to be fetched.
 */
import type { ErrorCode } from '@sluice/errors'
import type { HeaderFields } from '@sluice/http'
import type { z } from 'zod'
import type { Exchange } from './exchange.ts'
import type { IdentityPart, Unchecked } from './identity-part.ts'
import type { PolicyPlace } from './policy-place.ts'
import type { QuotaPart } from './quota-part.ts'

export type * from './identity-part.ts'
export type * from './policy-place.ts'
export type * from './quota-part.ts'

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

export interface CatalogueEntry extends PolicySchema<never> {
  load(): Promise<PolicyModule>
}
