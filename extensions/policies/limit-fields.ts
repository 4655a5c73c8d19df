/**
 * What a response says about the limits on its way: `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers-11, structured fields of RFC 9651), and the older `X-RateLimit-*`, which can
 * only speak of one limit: the one with least remaining.
 */
import type { LimitStatement } from './exchange.ts'

/** The fields, flat; empty when there was no limit that a client should know of. Runs once a response of a limited route. */
export function limitFields(limits: readonly LimitStatement[]): string[] {
  const tightest = leastRemaining(limits)
  if (tightest === undefined) return []
  // Nearly always there is one: its numbers are put into text once.
  const left = String(tightest.remaining)
  const reset = String(tightest.resetSeconds)
  let policies = ''
  let states = ''
  for (const limit of limits) {
    if (limit.isHidden === true) continue
    const separator = policies === '' ? '' : ', '
    policies += separator + policyText(limit)
    const isTightest = limit === tightest
    states = states + separator + '"' + limit.name + '";r=' + (isTightest ? left : limit.remaining) + ';t=' + (isTightest ? reset : limit.resetSeconds)
  }
  return [
    'RateLimit-Policy', policies,
    'RateLimit', states,
    'X-RateLimit-Limit', String(tightest.burst),
    'X-RateLimit-Remaining', left,
    'X-RateLimit-Reset', reset,
  ]
}

/** What is said of a limit itself is the same each time, and most routes have one. */
let last = { name: '', limit: -1, windowSeconds: -1, text: '' }

function policyText({ name, limit, windowSeconds }: LimitStatement): string {
  if (last.limit !== limit || last.windowSeconds !== windowSeconds || last.name !== name) last = { name, limit, windowSeconds, text: `"${name}";q=${limit};w=${windowSeconds}` }
  return last.text
}

/** Of those with equally little, the first: it ran first. */
function leastRemaining(limits: readonly LimitStatement[]): LimitStatement | undefined {
  let least: LimitStatement | undefined
  for (const limit of limits) if (limit.isHidden !== true && (least === undefined || limit.remaining < least.remaining)) least = limit
  return least
}

/** `Retry-After` for a wait: whole seconds, never shorter than the wait and at most one longer. */
export function retryAfter(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs / 1000)))
}
