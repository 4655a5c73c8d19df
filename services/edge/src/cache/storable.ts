/** Whether a response may be kept by a shared cache, and for how long it may be used (RFC 9111 §3, §3.5, §4.2; RFC 5861). */
import type { StoredResponse } from '@sluice/cache-stores/cache-store'
import { type CacheControl, freshnessLifetimeMs, type HeaderFields, initialAgeMs, parseCacheControl, type ResponseTimes, varyNames } from '@sluice/http'
import type { CacheRules } from '@sluice/policies/policy'

/** What of a request decides about keeping its response. */
export interface AskedBy {
  /** An identity policy says who is calling. */
  readonly isIdentified: boolean
  /** It goes to the upstream with `Authorization`. */
  readonly isAuthorized: boolean
}

export interface ArrivedResponse {
  readonly status: number
  /** Without those of the hop. */
  readonly headers: HeaderFields
  /** The upstream itself sets cookies; a cookie of the balancer is none of the response. */
  readonly setsCookies: boolean
}

/** Its head, with what frames its body. */
export interface ArrivedHead extends ArrivedResponse {
  /** It came in chunks, of which the last one is marked. */
  readonly isChunked: boolean
  /** -1 when it does not say. */
  readonly declaredBytes: number
}

/** A response but for its body and the names that it is kept under. */
export type StorableResponse = Omit<StoredResponse, 'body' | 'url' | 'tags'> & { readonly variesBy: readonly string[] }

/** Understood well enough to be kept when they say for how long (§3). Errors of a server are told by nobody but itself. */
const keptStatuses: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501])
/** Those that `ttlSeconds` speaks of: an error is not made to last. */
const goodStatuses: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308])
/** How long what is stale is kept at hand: to be confirmed by a 304, and for circuits that are open. */
const keepStaleMs = 86_400_000
/** Written anew, or not for others to see. */
const neverKept: ReadonlySet<string> = new Set(['age', 'content-length', 'set-cookie', 'cache-tag', 'x-cache-status'])

/** Undefined: it is not kept. */
export function storableResponse(asked: AskedBy, { status, headers, setsCookies }: ArrivedResponse, rules: CacheRules, times: ResponseTimes): StorableResponse | undefined {
  if (!keptStatuses.has(status)) return undefined
  const control = parseCacheControl(headers.getAll('cache-control'))
  if (control.noStore || control.isPrivate || (setsCookies && !control.hiddenFields.includes('set-cookie'))) return undefined
  const variesBy = varyNames(headers)
  if (variesBy === '*') return undefined
  const isShared = control.isPublic || control.sharedMaxAge !== undefined
  if (!isShared && !mayBeOwn(asked, control, rules)) return undefined
  const lifetimes = lifetimesOf(status, headers, control, rules, times)
  if (lifetimes === undefined) return undefined
  return { status, fields: keptFields(headers, control, times.receivedAtMs), receivedAtMs: times.receivedAtMs, variesBy, isShared, ...lifetimes }
}

/**
 * For callers like this one alone. §3.5 knows nothing of the kind: of a request with `Authorization` that takes the response's own word, or the
 * operator's where the gateway knows who is calling.
 */
function mayBeOwn({ isIdentified, isAuthorized }: AskedBy, { mustRevalidate }: CacheControl, { ttlMs }: CacheRules): boolean {
  return !isAuthorized || (isIdentified ? ttlMs !== undefined : mustRevalidate)
}

type Lifetimes = Pick<StoredResponse, 'initialAgeMs' | 'freshUntilMs' | 'keepUntilMs' | 'staleWhileRevalidateMs' | 'staleIfErrorMs' | 'mustRevalidate'>

function lifetimesOf(status: number, headers: HeaderFields, control: CacheControl, rules: CacheRules, times: ResponseTimes): Lifetimes | undefined {
  const { receivedAtMs } = times
  const isOverridden = rules.ttlMs !== undefined && goodStatuses.has(status)
  const ageMs = initialAgeMs(headers, times)
  const lifetimeMs = isOverridden ? rules.ttlMs! + ageMs : freshnessLifetimeMs(control, headers, receivedAtMs)
  if (lifetimeMs === undefined && !control.noCache) return undefined
  const freshUntilMs = control.noCache ? receivedAtMs : receivedAtMs + Math.max(0, (lifetimeMs ?? 0) - ageMs)
  // §5.2.2.10: s-maxage alone forbids what is stale, too, but not what the same response allows in so many words.
  const isShort = control.sharedMaxAge !== undefined && !isOverridden
  const stale = (said: number | undefined, usualMs: number) => (said === undefined ? (isShort ? 0 : usualMs) : said * 1000)
  const mustRevalidate = control.noCache || control.mustRevalidate || control.proxyRevalidate || (isShort && control.staleWhileRevalidate === undefined && control.staleIfError === undefined)
  const staleWhileRevalidateMs = mustRevalidate ? 0 : stale(control.staleWhileRevalidate, rules.staleWhileRevalidateMs)
  const staleIfErrorMs = mustRevalidate ? 0 : stale(control.staleIfError, rules.staleIfErrorMs)
  // Of no use to anybody, now or later.
  if (freshUntilMs <= receivedAtMs && !hasValidator(headers) && staleWhileRevalidateMs + staleIfErrorMs === 0) return undefined
  const keepUntilMs = freshUntilMs + Math.max(keepStaleMs, staleWhileRevalidateMs, staleIfErrorMs)
  return { initialAgeMs: ageMs, freshUntilMs, keepUntilMs, staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate }
}

function hasValidator(headers: HeaderFields): boolean {
  return headers.has('etag') || headers.has('last-modified')
}

/** A copy in memory of its own: a part of a text keeps the whole of it, which is the head that it came in. */
function keptFields({ flat }: HeaderFields, { hiddenFields }: CacheControl, receivedAtMs: number): string[] {
  const kept: string[] = []
  let isDated = false
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!.toLowerCase()
    if (neverKept.has(name) || hiddenFields.includes(name)) continue
    if (name === 'date') isDated = true
    kept.push(copyOf(flat[at]!), copyOf(flat[at + 1]!))
  }
  if (!isDated) kept.push('Date', new Date(receivedAtMs).toUTCString())
  return kept
}

function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
