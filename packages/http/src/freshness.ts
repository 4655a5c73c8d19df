/**
 * How long a shared cache may use a response (RFC 9111 §4.2). Nothing is guessed: a response that names no lifetime has none. Durations
 * are ms, instants ms since the Unix epoch.
 */
import { type CacheControl, deltaSeconds } from './cache-control.ts'
import type { HeaderFields } from './header-fields.ts'
import { parseHttpDate } from './http-date.ts'

/** When a response was asked for and when its head had come. */
export interface ResponseTimes {
  readonly requestedAtMs: number
  readonly receivedAtMs: number
}

/** From when it was made on (§4.2.1): `s-maxage`, `max-age`, or `Expires` against `Date`; undefined when it says none of them. */
export function freshnessLifetimeMs(control: CacheControl, fields: Pick<HeaderFields, 'get'>, receivedAtMs: number): number | undefined {
  const seconds = control.sharedMaxAge ?? control.maxAge
  if (seconds !== undefined) return seconds * 1000
  const expires = fields.get('expires')
  if (expires === undefined) return undefined
  // §5.3: what is no date, such as 0, is in the past.
  const until = parseHttpDate(expires)
  return until === undefined ? 0 : Math.max(0, until - (dateOf(fields) ?? receivedAtMs))
}

/** How old it was when it came (§4.2.3). */
export function initialAgeMs(fields: Pick<HeaderFields, 'get'>, { requestedAtMs, receivedAtMs }: ResponseTimes): number {
  const apparent = Math.max(0, receivedAtMs - (dateOf(fields) ?? receivedAtMs))
  const told = fields.get('age')
  const corrected = deltaSeconds(told?.split(',')[0]?.trim()) * 1000 + Math.max(0, receivedAtMs - requestedAtMs)
  return Math.max(apparent, corrected)
}

function dateOf(fields: Pick<HeaderFields, 'get'>): number | undefined {
  const date = fields.get('date')
  return date === undefined ? undefined : parseHttpDate(date)
}
