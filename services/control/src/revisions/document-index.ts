/** What in a configuration has to be looked at again when one resource of it changes. */
import { entitiesOf, type Entity, documentOf, mayHoldReferences, type PathClass, pathClassOf, pathKeyOf, readKey, referencesIn, routeMatch, upstreamsOfRoute } from '@sluice/proto/config'
import { hostsOf } from '../validation/shadowed-routes.ts'
import type { WrittenDocument } from './resources.ts'

type Keys = Set<string>
type RouteInput = NonNullable<WrittenDocument['routes']>[number]

/** As many as the check for shadowed routes compares. */
const maxMates = 300
/** Of each class of paths that another one can shadow, or be shadowed by. */
const maxOfClass = 100
const classesBeside: Readonly<Record<PathClass, readonly PathClass[]>> = {
  exact: ['regex'],
  parameters: ['regex'],
  tail: ['prefix', 'regex', 'any'],
  prefix: ['tail', 'regex', 'any'],
  regex: ['parameters', 'tail', 'prefix', 'regex', 'any'],
  any: ['tail', 'prefix', 'regex'],
}

/** Follows one document; kept true by `change`, which costs by what changes. */
export class DocumentIndex {
  /** Names of routes by host and path, and by host and class of path: of those that can stand in each other's way. */
  readonly #routesByPlace = new Map<string, Keys>()
  readonly #routesByClass = new Map<string, Keys>()
  readonly #routesByUpstream = new Map<string, Keys>()
  /** Keys of entities by reference. */
  readonly #entitiesByReference = new Map<string, Keys>()
  readonly #routesWithoutUpstream: Keys = new Set()

  constructor(document: WrittenDocument) {
    for (const [key, value] of entitiesOf(document)) this.change(key, undefined, value)
  }

  /** The entity `key` was `before` and is `after`; undefined: it was not there, or is gone. */
  change(key: string, before: unknown, after: unknown): void {
    if (before !== undefined) this.#each(key, before, remove)
    if (after !== undefined) this.#each(key, after, add)
  }

  /** Routes on one of the hosts of this one whose paths may have to do with its own; none of one that is not well-formed. */
  placeMates({ match }: RouteInput): string[] {
    if (!routeMatch.safeParse(match).success) return []
    const key = pathKeyOf(match)
    return hostsOf(match).flatMap((host) => [
      ...someOf(this.#routesByPlace.get(`${host} ${key}`), maxMates),
      ...classesBeside[pathClassOf(match)].flatMap((kind) => someOf(this.#routesByClass.get(`${host} ${kind}`), maxOfClass)),
    ])
  }

  routesTo(upstream: string): ReadonlySet<string> {
    return this.#routesByUpstream.get(upstream) ?? new Set()
  }

  /** Those that a policy has to answer. */
  routesWithoutUpstream(): ReadonlySet<string> {
    return this.#routesWithoutUpstream
  }

  usersOf(reference: string): ReadonlySet<string> {
    return this.#entitiesByReference.get(reference) ?? new Set()
  }

  #each(key: string, value: unknown, act: (map: Map<string, Keys>, at: string, name: string) => void): void {
    for (const { reference } of referencesOf([key, value])) act(this.#entitiesByReference, reference, key)
    const { kind, name } = readKey(key)
    if (kind !== 'routes') return
    const route = value as RouteInput
    const kindOfPath = pathClassOf(route.match)
    for (const host of hostsOf(route.match)) {
      act(this.#routesByPlace, `${host} ${pathKeyOf(route.match)}`, name)
      if (kindOfPath !== 'exact') act(this.#routesByClass, `${host} ${kindOfPath}`, name)
    }
    const upstreams = upstreamsOfRoute(route)
    for (const upstream of upstreams) act(this.#routesByUpstream, upstream, name)
    if (upstreams.length > 0) return
    if (act === add) this.#routesWithoutUpstream.add(name)
    else this.#routesWithoutUpstream.delete(name)
  }
}

/** Most entities have none; looking for what one could begin with is far cheaper than walking through each. */
function referencesOf(entity: Entity): { reference: string }[] {
  return mayHoldReferences(JSON.stringify(entity[1])) ? referencesIn(documentOf([entity])) : []
}

function someOf(names: Keys | undefined, most: number): string[] {
  return names === undefined ? [] : [...names.values().take(most)]
}

function add(map: Map<string, Keys>, at: string, name: string): void {
  const known = map.get(at)
  if (known === undefined) map.set(at, new Set([name]))
  else known.add(name)
}

function remove(map: Map<string, Keys>, at: string, name: string): void {
  const known = map.get(at)
  known?.delete(name)
  if (known?.size === 0) map.delete(at)
}
