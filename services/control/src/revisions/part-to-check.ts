/**
 * The part of a configuration that a change of some resources can make wrong: the resources, what they refer to, what
 * refers to them, and the routes they share a host and path with. The check of the whole is run on that part alone, so
 * a change costs by what it changes, however many routes there are.
 */
import { route as routeSchema, upstreamsOfRoute } from '@sluice/proto/config'
import type { Path } from '../validation/problem.ts'
import type { DocumentIndex } from './document-index.ts'
import type { WrittenDocument } from './resources.ts'
import { placeOfRoute } from './route-places.ts'

type Routes = NonNullable<WrittenDocument['routes']>

export interface Part {
  readonly document: WrittenDocument
  /** The path in the whole configuration of one in the part. */
  toWhole(path: Path): Path
}

/** `touched` are resources such as `routes/get-user`; the index is of the configuration before they were. */
export function partToCheck(whole: WrittenDocument, touched: ReadonlySet<string>, index: DocumentIndex): Part {
  const { routes: all = [], upstreams: known = {} } = whole
  const touchedRoutes = new Set([...touched].filter((one) => one.startsWith('routes/')).map((one) => one.slice('routes/'.length)))
  const written = placesOf(all, touchedRoutes).map((place) => all[place]!)
  const names = new Set([...written.map((route) => route.name), ...written.flatMap((route) => index.placeMates(route))])
  const upstreams = new Set<string>()
  for (const resource of touched) {
    if (resource.startsWith('policies')) for (const name of index.routesWithoutUpstream()) names.add(name)
    if (!resource.startsWith('upstreams/')) continue
    const name = resource.slice('upstreams/'.length)
    upstreams.add(name)
    if (!Object.hasOwn(known, name)) for (const user of index.routesTo(name)) names.add(user)
  }
  const plans = partOfPlans(whole, touched, touchedRoutes)
  for (const plan of plans ?? []) if (Array.isArray(plan.routes)) for (const name of plan.routes) names.add(name)
  const places = placesOf(all, names)
  const routes: Routes = places.map((place) => all[place]!)
  for (const route of routes) {
    // One that is not well-formed is refused anyhow, and may hold anything in the place of a name.
    if (!touchedRoutes.has(route.name) || isRoute(route)) for (const name of upstreamsOfRoute(route)) upstreams.add(name)
  }
  const used = [...upstreams].filter((name) => Object.hasOwn(known, name)).map((name) => [name, known[name]!] as const)
  return { document: { ...whole, ...(plans && { plans }), routes, upstreams: Object.fromEntries(used) }, toWhole: (path) => withRoutePlaces(path, places) }
}

/** Of those routes that are there, in their order. */
function placesOf(routes: Routes, names: ReadonlySet<string>): number[] {
  return [...names].map((name) => placeOfRoute(routes, name)).filter((place) => place >= 0).sort((a, b) => a - b)
}

/** Of plans that are not changed themselves only what they say of routes that are. */
function partOfPlans({ plans }: WrittenDocument, touched: ReadonlySet<string>, touchedRoutes: ReadonlySet<string>): WrittenDocument['plans'] {
  return plans?.map((plan) => {
    if (touched.has(`plans/${plan.name}`) || plan.routes === undefined) return plan
    const { routes, ...rest } = plan
    const left = routes.filter((name) => touchedRoutes.has(name))
    return left.length === 0 ? rest : { ...rest, routes: left }
  })
}

function isRoute(route: unknown): boolean {
  return routeSchema.safeParse(route).success
}

function withRoutePlaces(path: Path, places: readonly number[]): Path {
  const [kind, place] = path
  return kind === 'routes' && typeof place === 'number' ? [kind, places[place] ?? place, ...path.slice(2)] : path
}
