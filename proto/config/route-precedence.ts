import type { RouteMatch } from './route.ts'

/**
 * The order in which routes are tried, the same however the config was ordered. The edge's router and control's
 * check for shadowed routes both stand on it: host class, then path class, then more conditions, then name.
 */
export const pathClasses = ['exact', 'parameters', 'tail', 'prefix', 'regex', 'any'] as const
export type PathClass = (typeof pathClasses)[number]

type PathMatch = Pick<RouteMatch, 'path' | 'pathPrefix' | 'pathRegex'>

export function pathClassOf(match: PathMatch): PathClass {
  if (match.path !== undefined) return match.path.endsWith('*}') ? 'tail' : match.path.includes('{') ? 'parameters' : 'exact'
  if (match.pathPrefix !== undefined) return 'prefix'
  return match.pathRegex === undefined ? 'any' : 'regex'
}

/** The path with the parameters' names taken out: two routes with the same key match the same paths. */
export function pathKeyOf(match: PathMatch): string {
  const pattern = match.path?.replace(/\{[^}/]*?(\*?)\}/g, '{$1}') ?? match.pathPrefix ?? match.pathRegex ?? ''
  return `${pathClassOf(match)} ${pattern}`
}

/** Routes with the same text are alike in everything that a match says, but for `groups`. */
export function siblingKeyOf({ groups: _, ...match }: RouteMatch): string {
  return JSON.stringify(Object.entries(match).sort(([a], [b]) => (a < b ? -1 : 1)))
}

type Conditions = Pick<RouteMatch, 'methods' | 'headers' | 'query' | 'addresses'>

/** How many things besides host and path the route asks for; lists of alternatives count once. */
export function conditionCount(match: Conditions): number {
  const lists = (match.methods === undefined ? 0 : 1) + (match.addresses === undefined ? 0 : 1)
  return lists + Object.keys(match.headers ?? {}).length + Object.keys(match.query ?? {}).length
}

type Ordered = Readonly<{ name: string; match: Conditions & Pick<RouteMatch, 'groups'> }>

/**
 * Orders routes of the same host and path: more conditions first; of as many, those that go by groups, which are looked at last
 * of all; then by name.
 */
export function compareOnOnePath(a: Ordered, b: Ordered): number {
  const groups = (b.match.groups === undefined ? 0 : 1) - (a.match.groups === undefined ? 0 : 1)
  return conditionCount(b.match) - conditionCount(a.match) || groups || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}
