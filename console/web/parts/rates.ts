/**
 * How fast counts grow, from looking at them again and again. Edges hand in what they have counted once a second, so a
 * figure is over several looks: between two of them alone it would jump.
 */
import type { RouteUsage } from '../api/answers.ts'

export interface Look {
  /** On a clock that only goes forward. */
  readonly atMs: number
  readonly routes: ReadonlyMap<string, RouteUsage>
}

export interface Rate {
  readonly requests: number
  readonly clientErrors: number
  readonly serverErrors: number
}

const keptMs = 150_000
/** What a figure is over. */
const windowMs = 10_000

/** Adds a look, and lets go of those that are too old to show. */
export function withLook(looks: readonly Look[], items: readonly RouteUsage[], atMs: number): Look[] {
  const look = { atMs, routes: new Map(items.map((item) => [item.route, item])) }
  return [...looks.filter((one) => atMs - one.atMs <= keptMs), look]
}

/** Per second, by route, at the newest look; nothing while there is only one. */
export function ratesNow(looks: readonly Look[]): Map<string, Rate> {
  const [from, to] = around(looks, looks.length - 1)
  if (from === undefined || to === undefined) return new Map()
  return new Map([...to.routes].map(([route, now]) => [route, rateOf(from.routes.get(route), now, to.atMs - from.atMs)]))
}

export function sumOf(rates: Iterable<Rate>): Rate {
  let requests = 0
  let clientErrors = 0
  let serverErrors = 0
  for (const rate of rates) {
    requests += rate.requests
    clientErrors += rate.clientErrors
    serverErrors += rate.serverErrors
  }
  return { requests, clientErrors, serverErrors }
}

/** Requests a second of all routes together, for each look but the first, the oldest before the others. */
export function history(looks: readonly Look[]): { readonly atMs: number; readonly requests: number }[] {
  return looks.slice(1).map((look, index) => {
    const [from, to] = around(looks, index + 1)
    const rates = from === undefined || to === undefined ? [] : [...to.routes].map(([route, now]) => rateOf(from.routes.get(route), now, to.atMs - from.atMs))
    return { atMs: look.atMs, requests: sumOf(rates).requests }
  })
}

/** A look, and the one before it that its figures are counted from. */
function around(looks: readonly Look[], index: number): readonly [from: Look | undefined, to: Look | undefined] {
  const to = looks[index]
  if (to === undefined || index === 0) return [undefined, to]
  return [looks.find((look, at) => at < index && to.atMs - look.atMs <= windowMs) ?? looks[index - 1], to]
}

/** A count that has fallen was started afresh. */
function rateOf(before: RouteUsage | undefined, now: RouteUsage, elapsedMs: number): Rate {
  const grown = (key: 'requests' | 'clientErrors' | 'serverErrors') => (Math.max(0, now[key] - (before?.[key] ?? 0)) / Math.max(1, elapsedMs)) * 1000
  return { requests: grown('requests'), clientErrors: grown('clientErrors'), serverErrors: grown('serverErrors') }
}
