/**
 * Which of several upstreams a request of one route goes to, by weight. Each way is compiled as a route of its own, since
 * the upstreams bring policies of their own. Without `splitOn` requests are spread evenly one by one; with it everything that has the
 * same key goes the same way, as long as the weights stay. Shares lie one behind the other in the order of the list: when the weights
 * change, only keys near the borders go another way.
 */
import { readCookie, type HeaderFields } from '@sluice/http'

export interface SplitQuestion {
  readonly client: { readonly address: string; readonly scheme: 'http' | 'https' }
  readonly request: { readonly askedPath: string; readonly headers: Pick<HeaderFields, 'get'> }
  /** Fields for the response. */
  readonly responseFields: string[]
}

export interface SplitWay<R> {
  readonly route: R
  readonly weight: number
}

/** The multiples of the golden ratio fill the circle evenly, however many there are (Weyl). */
const goldenRatio = 0.618_033_988_749_895
/** Places that the cookie can hold: a ten-thousandth of the traffic can be sent another way. */
const cookiePlaces = 10_000

export class Split<R> {
  private readonly routes: readonly R[]
  /** Where each way's share ends, from above 0 to 1. */
  private readonly ends: readonly number[]
  private readonly place: (question: SplitQuestion) => number
  private turn = Math.random()

  /** `on`: what decides, as the setting `splitOn` says it; undefined: every request for itself. */
  constructor(name: string, ways: readonly SplitWay<R>[], on: string | undefined) {
    const total = ways.reduce((sum, { weight }) => sum + weight, 0)
    let end = 0
    this.routes = ways.map(({ route }) => route)
    this.ends = ways.map(({ weight }) => (end += weight / total))
    this.place = this.placeBy(name, on)
  }

  /** Those that requests may go. */
  ways(): readonly R[] {
    return this.routes.filter((_, index) => this.ends[index]! > (this.ends[index - 1] ?? 0))
  }

  /** Runs once a request of a route with a split; may add a cookie to the response. */
  choose(question: SplitQuestion): R {
    const place = this.place(question)
    const { ends, routes } = this
    for (let index = 0; index < ends.length; index++) if (place < ends[index]!) return routes[index]!
    // Rounding may leave the last border a hair below 1; a way of weight 0 takes nothing all the same.
    return routes[ends.findLastIndex((end, index) => end > (ends[index - 1] ?? 0))]!
  }

  private placeBy(name: string, on: string | undefined): (question: SplitQuestion) => number {
    if (on === undefined) return () => (this.turn = (this.turn + goldenRatio) % 1)
    if (on === 'sticky-cookie') return (question) => placeInCookie(`sluice_split_${name}`, question)
    const [kind, field = ''] = on.split(':')
    const keyOf = keyReader(kind!, field)
    // The name is in it, so that two splits do not put the same clients on their canaries.
    return (question) => placeOf(`${name}\0${keyOf(question) ?? question.client.address}`)
  }
}

function keyReader(kind: string, field: string): (question: SplitQuestion) => string | undefined {
  switch (kind) {
    case 'path':
      return ({ request }) => request.askedPath
    case 'header':
      return ({ request }) => request.headers.get(field.toLowerCase())
    case 'cookie':
      return ({ request }) => cookieIn(field, request.headers)
    default:
      return ({ client }) => client.address
  }
}

function cookieIn(name: string, headers: Pick<HeaderFields, 'get'>): string | undefined {
  const cookies = headers.get('cookie')
  return cookies === undefined ? undefined : readCookie(cookies, name)
}

/** The place that the client keeps in a cookie, a number alone; one without is given a place by chance. */
function placeInCookie(name: string, { client, request, responseFields }: SplitQuestion): number {
  const kept = cookieIn(name, request.headers)
  if (kept !== undefined && /^\d{1,4}$/.test(kept)) return Number(kept) / cookiePlaces
  const place = Math.floor(Math.random() * cookiePlaces)
  responseFields.push('Set-Cookie', `${name}=${place}; Path=/; HttpOnly; SameSite=Lax${client.scheme === 'https' ? '; Secure' : ''}`)
  return place / cookiePlaces
}

/** FNV-1a, its bits mixed by the finaliser of MurmurHash3, as a share of all there are. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000
}
