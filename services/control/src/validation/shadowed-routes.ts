/**
 * Routes that never match, or match by the accident of their name. Only routes of the same host and the same path can
 * shadow each other: otherwise the more special one goes first, and what fails its conditions falls through.
 */
import { compareOnOnePath, conditionCount, pathKeyOf, type Route, type RouteMatch } from '@sluice/proto/config'
import type { Warning } from './problem.ts'

const maxWarnings = 200
/** Routes on one host and path that are compared, each with each. */
const maxCompared = 300

interface Placed {
  readonly index: number
  readonly name: string
  readonly match: RouteMatch
}

/** One warning for each pair, at the route that loses. */
export function shadowedRoutes(routes: readonly Route[]): Warning[] {
  const warnings: Warning[] = []
  for (const [host, group] of routesByPlace(routes)) {
    group.sort(compareOnOnePath)
    const compared = group.slice(0, maxCompared)
    for (const [position, loser] of compared.entries()) {
      const winner = compared.slice(0, position).find((other) => overlap(other.match, loser.match) !== undefined)
      if (winner === undefined) continue
      warnings.push({ path: ['routes', loser.index, 'match'], message: sentence(winner, loser, host) })
      if (warnings.length >= maxWarnings) return warnings
    }
  }
  return warnings
}

function sentence(winner: Placed, loser: Placed, host: string): string {
  const where = host === '' ? '' : ` on ${host}`
  if (overlap(winner.match, loser.match) === 'all') return `the route "${loser.name}" never matches${where}: "${winner.name}" matches the same requests and comes first`
  return `the routes "${winner.name}" and "${loser.name}" are equally special${where}: a request that meets both goes to "${winner.name}", by its name`
}

/** One for each host of a match: routes that share one can stand in each other's way, others cannot. */
export function placesOf(match: Pick<RouteMatch, 'hosts' | 'path' | 'pathPrefix' | 'pathRegex'>): string[] {
  const hosts = new Set((match.hosts ?? ['']).map((written) => written.toLowerCase()))
  return [...hosts].map((host) => `${host} ${pathKeyOf(match)}`)
}

function routesByPlace(routes: readonly Route[]): [host: string, Placed[]][] {
  const places = new Map<string, { host: string; group: Placed[] }>()
  for (const [index, { name, match }] of routes.entries()) {
    for (const key of placesOf(match)) {
      const place = places.get(key) ?? { host: key.slice(0, key.indexOf(' ')), group: [] }
      places.set(key, place)
      place.group.push({ index, name, match })
    }
  }
  return [...places.values()].filter(({ group }) => group.length > 1).map(({ host, group }) => [host, group])
}

/** What `second` loses to `first`, which is tried before it: all its requests, some by name only, or none. */
function overlap(first: RouteMatch, second: RouteMatch): 'all' | 'some' | undefined {
  if (demandsLess(first, second)) return 'all'
  // One that goes by groups leaves the rest to the one that does not: they are meant to stand together.
  if ((first.groups === undefined) !== (second.groups === undefined)) return undefined
  if (conditionCount(first) !== conditionCount(second) || excludeEachOther(first, second)) return undefined
  return 'some'
}

function demandsLess(first: RouteMatch, second: RouteMatch): boolean {
  return (
    covers(admitted(first.methods), admitted(second.methods)) &&
    covers(first.addresses, second.addresses) &&
    covers(first.groups, second.groups) &&
    holdsAll(first.headers, second.headers, true) &&
    holdsAll(first.query, second.query, false)
  )
}

/** `GET` admits HEAD. */
function admitted(methods: readonly string[] | undefined): readonly string[] | undefined {
  return methods?.includes('GET') === true ? [...methods, 'HEAD'] : methods
}

function covers(first: readonly string[] | undefined, second: readonly string[] | undefined): boolean {
  return first === undefined || (second !== undefined && second.every((one) => first.includes(one)))
}

function holdsAll(first: Conditions, second: Conditions, ignoreCase: boolean): boolean {
  const other = normalised(second, ignoreCase)
  return [...normalised(first, ignoreCase)].every(([name, condition]) => other.get(name) === condition || (condition === '*' && other.has(name)))
}

function excludeEachOther(first: RouteMatch, second: RouteMatch): boolean {
  const methods = admitted(second.methods)
  if (first.methods !== undefined && methods !== undefined && !admitted(first.methods)!.some((method) => methods.includes(method))) return true
  return differInLiteral(first.headers, second.headers, true) || differInLiteral(first.query, second.query, false)
}

function differInLiteral(first: Conditions, second: Conditions, ignoreCase: boolean): boolean {
  const other = normalised(second, ignoreCase)
  return [...normalised(first, ignoreCase)].some(([name, condition]) => isLiteral(condition) && isLiteral(other.get(name)) && other.get(name) !== condition)
}

type Conditions = Readonly<Record<string, string>> | undefined

function normalised(conditions: Conditions, ignoreCase: boolean): Map<string, string> {
  return new Map(Object.entries(conditions ?? {}).map(([name, condition]) => [ignoreCase ? name.toLowerCase() : name, condition]))
}

function isLiteral(condition: string | undefined): boolean {
  return condition !== undefined && condition !== '*' && !condition.startsWith('~')
}
