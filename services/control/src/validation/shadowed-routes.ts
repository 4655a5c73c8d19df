/**
 * Routes that never match, or match by the accident of their name. On one host and path routes are tried in the order of
 * their conditions. Across paths the more special one goes first and what fails its conditions falls through, so one path
 * shadows another only where a whole class goes before it: a tail before prefixes, everything before patterns and before
 * routes without a path, and patterns among themselves. A route is looked at beside those that match a path of its own, never
 * beside each other one. What only several routes together take away is not found.
 */
import { compareOnOnePath, pathClassOf, pathKeyOf, type Route, type RouteMatch } from '@sluice/proto/config'
import { demandsLess, overlap } from './condition-overlap.ts'
import { Effort, holdsAllPaths, PathLanguage, sharedPath, type SharedPath } from './path-language.ts'
import type { Warning } from './problem.ts'
import { HostRoutes, type Placed } from './routes-by-host.ts'

const maxWarnings = 200
/** Routes on one host and path, and patterns on one host, that are compared, each with each. */
const maxCompared = 300
/** Machines that are kept. */
const maxLanguages = 1000
/** The classes that another class can shadow. */
const lateClasses = ['prefix', 'regex', 'any'] as const

/** One warning for each pair, at the route that loses. */
export function shadowedRoutes(routes: readonly Route[]): Warning[] {
  const languages = new Languages()
  const warnings: Warning[] = []
  for (const [host, known] of routesByHost(routes)) {
    for (const warning of warningsOn(host === '' ? '' : ` on ${host}`, known, languages)) {
      warnings.push(warning)
      if (warnings.length >= maxWarnings) return warnings
    }
  }
  return warnings
}

/** Each host of a match once, `''` for any: routes that share one can stand in each other's way, others cannot. */
export function hostsOf(match: Pick<RouteMatch, 'hosts'>): string[] {
  return [...new Set((match.hosts ?? ['']).map((written) => written.toLowerCase()))]
}

function routesByHost(routes: readonly Route[]): Map<string, HostRoutes> {
  const hosts = new Map<string, HostRoutes>()
  for (const [index, { name, match }] of routes.entries()) {
    for (const host of hostsOf(match)) {
      const known = hosts.get(host) ?? new HostRoutes()
      hosts.set(host, known)
      known.add({ index, name, match })
    }
  }
  return hosts
}

function* warningsOn(where: string, routes: HostRoutes, languages: Languages): Generator<Warning> {
  for (const place of routes.onOnePath()) yield* onOnePath(where, place.slice(0, maxCompared))
  for (const kind of lateClasses) for (const loser of routes.byClass[kind]) yield* underAnotherPath(where, loser, routes, languages)
  yield* amongPatterns(where, routes.byClass.regex.toSorted(compareOnOnePath).slice(0, maxCompared), languages)
}

function* onOnePath(where: string, place: readonly Placed[]): Generator<Warning> {
  for (const [position, loser] of place.entries()) {
    const winner = place.slice(0, position).find((other) => overlap(other.match, loser.match) !== undefined)
    if (winner === undefined) continue
    if (overlap(winner.match, loser.match) === 'all') yield warning(loser, winner, `the route "${loser.name}" never matches${where}: "${winner.name}" matches the same requests and comes first`)
    else yield warning(loser, winner, `the routes "${winner.name}" and "${loser.name}" are equally special${where}: a request that meets both goes to "${winner.name}", by its name`)
  }
}

/** A route of a class that others go before: whoever shadows it matches the shortest of its paths, too. */
function* underAnotherPath(where: string, loser: Placed, routes: HostRoutes, languages: Languages): Generator<Warning> {
  const kind = pathClassOf(loser.match)
  const shortest = kind === 'prefix' ? { path: loser.match.pathPrefix! } : languages.shared(loser.match, loser.match)
  if (shortest === 'none') yield { path: pathOf(loser), message: `the route "${loser.name}" never matches${where}: no path is like its pattern`, between: [loser.name] }
  if (typeof shortest === 'string') return
  const winner = routes.matchingBefore(kind, shortest.path, maxCompared).find((other) => demandsLess(other.match, loser.match) && languages.holdsAll(other.match, loser.match))
  if (winner === undefined) return
  const { path, pathPrefix, pathRegex } = winner.match
  yield warning(loser, winner, `the route "${loser.name}" never matches${where}: "${winner.name}" takes all of its paths by "${path ?? pathPrefix ?? pathRegex}" and comes first`)
}

/** Which of several patterns matches is told by no order but that of their conditions and names. */
function* amongPatterns(where: string, patterns: readonly Placed[], languages: Languages): Generator<Warning> {
  for (const [position, loser] of patterns.entries()) {
    for (const winner of patterns.slice(0, position)) {
      const shared = pathKeyOf(winner.match) === pathKeyOf(loser.match) ? undefined : sharedBy(winner, loser, languages)
      if (shared === undefined) continue
      if (demandsLess(winner.match, loser.match) && languages.holdsAll(winner.match, loser.match)) yield warning(loser, winner, `the route "${loser.name}" never matches${where}: "${winner.name}" takes all of its paths by "${winner.match.pathRegex}" and comes first`)
      else yield warning(loser, winner, `the patterns of "${winner.name}" and "${loser.name}" are equally special${where}: "${shared}" meets both and goes to "${winner.name}", by its name`)
      break
    }
  }
}

function sharedBy(winner: Placed, loser: Placed, languages: Languages): string | undefined {
  if (!languages.beginAlike(winner.match, loser.match) || overlap(winner.match, loser.match) === undefined) return undefined
  const shared = languages.shared(winner.match, loser.match)
  return typeof shared === 'string' ? undefined : shared.path
}

function warning(loser: Placed, winner: Placed, message: string): Warning {
  return { path: pathOf(loser), message, between: [winner.name, loser.name] }
}

function pathOf({ index }: Placed): Warning['path'] {
  return ['routes', index, 'match']
}

/** The machines of paths that were compared lately; routes on several hosts are met several times. */
class Languages {
  readonly #byKey = new Map<string, PathLanguage>()
  readonly #effort = new Effort()

  /** Most pairs of patterns do not, which costs far less to find out than anything else about them. */
  beginAlike(one: RouteMatch, other: RouteMatch): boolean {
    const [first, second] = [this.#of(one).beginning, this.#of(other).beginning]
    return first.startsWith(second) || second.startsWith(first)
  }

  holdsAll(larger: RouteMatch, smaller: RouteMatch): boolean {
    return holdsAllPaths(this.#of(larger), this.#of(smaller), this.#effort)
  }

  shared(one: RouteMatch, other: RouteMatch): SharedPath {
    return sharedPath(this.#of(one), this.#of(other), this.#effort)
  }

  #of(match: RouteMatch): PathLanguage {
    const key = pathKeyOf(match)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    if (this.#byKey.size >= maxLanguages) this.#byKey.clear()
    const made = new PathLanguage(match)
    this.#byKey.set(key, made)
    return made
  }
}
