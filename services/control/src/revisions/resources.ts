/**
 * One resource in the document of a revision: found, put and deleted by kind and name. Documents are never changed in
 * place; an edit answers a new one that shares what it leaves alone.
 */
import { readKey, type RevisionDocumentInput } from '@sluice/proto/config'
import { placeOfRoute, withRoute } from './route-places.ts'

/** What a revision holds, as written and without the values of references. */
export type WrittenDocument = Omit<RevisionDocumentInput, 'secrets'>

export const resourceKinds = ['upstreams', 'routes', 'policies', 'groups', 'plans', 'certificates'] as const
export type ResourceKind = (typeof resourceKinds)[number]

/** As the file holds it, with its name. */
export type Resource = { readonly name: string } & Readonly<Record<string, unknown>>

type Body = Readonly<Record<string, unknown>>
type Route = NonNullable<RevisionDocumentInput['routes']>[number]
type PolicyEntry = NonNullable<RevisionDocumentInput['policies']>[number]

export function listResources(document: WrittenDocument, kind: ResourceKind): Resource[] {
  if (kind === 'upstreams') return Object.entries(document.upstreams ?? {}).map(([name, upstream]) => ({ name, ...upstream }))
  if (kind === 'policies') return (document.policies ?? []).map((entry) => ({ name: policyName(entry), ...entry }))
  return (document[kind] ?? []) as Resource[]
}

export function findResource(document: WrittenDocument, kind: ResourceKind, name: string): Resource | undefined {
  if (kind === 'routes') return routeNamed(document, name) as Resource | undefined
  if (kind !== 'upstreams') return listResources(document, kind).find((resource) => resource.name === name)
  const { upstreams = {} } = document
  return Object.hasOwn(upstreams, name) ? { name, ...upstreams[name] } : undefined
}

/** The value of an entity (`proto/config/entities.ts`); undefined when there is none. */
export function findEntity(document: WrittenDocument, key: string): unknown {
  const { kind, name } = readKey(key)
  if (kind === 'upstreams') return Object.hasOwn(document.upstreams ?? {}, name) ? document.upstreams![name] : undefined
  if (kind === 'routes') return routeNamed(document, name)
  if (kind === 'groups' || kind === 'plans' || kind === 'certificates') return (document[kind] as readonly { name: string }[] | undefined)?.find((resource) => resource.name === name)
  return document[kind as 'listeners' | 'trustedProxies' | 'policies' | 'telemetry' | 'guardrails' | 'rollout' | 'selfTests']
}

/** The document with the resource put in the place of one of that name, or added. `body` may leave its name out. */
export function putResource(document: WrittenDocument, kind: ResourceKind, name: string, body: Body): WrittenDocument {
  const { name: _, ...unnamed } = body
  if (kind === 'upstreams') return { ...document, upstreams: { ...document.upstreams, [name]: unnamed } }
  const item = kind === 'policies' ? unnamed : { name, ...unnamed }
  const index = indexOf(document, kind, name)
  if (kind === 'routes') return { ...document, routes: withRoute(document.routes ?? [], index, item as Route) }
  const list: readonly unknown[] = document[kind] ?? []
  return { ...document, [kind]: index === -1 ? [...list, item] : list.with(index, item) }
}

export function deleteResource(document: WrittenDocument, kind: ResourceKind, name: string): WrittenDocument {
  if (kind === 'upstreams') {
    const { [name]: _, ...others } = document.upstreams ?? {}
    return { ...document, upstreams: others }
  }
  const index = indexOf(document, kind, name)
  return { ...document, [kind]: (document[kind] ?? []).toSpliced(index, 1) }
}

/** Where the resource stands in the document. */
export function pathOfResource(document: WrittenDocument, kind: ResourceKind, name: string): readonly (string | number)[] {
  return kind === 'upstreams' ? [kind, name] : [kind, indexOf(document, kind, name)]
}

function routeNamed({ routes = [] }: WrittenDocument, name: string): Route | undefined {
  return routes[placeOfRoute(routes, name)]
}

function indexOf(document: WrittenDocument, kind: ResourceKind, name: string): number {
  if (kind === 'routes') return placeOfRoute(document.routes ?? [], name)
  return listResources(document, kind).findIndex((resource) => resource.name === name)
}

/** A policy goes by its `name` setting, else by its type. */
export function policyName(entry: PolicyEntry | Body): string {
  const [type = '', settings] = Object.entries(entry).find(([key]) => key !== 'name') ?? []
  const name = typeof settings === 'object' && settings !== null ? (settings as Body)['name'] : undefined
  return typeof name === 'string' ? name : type
}
