/**
 * A revision as entities, each under its key: `routes/get-user`, `upstreams/users`, `groups/gold`, `plans/free`,
 * `certificates/shop`, `secrets/env:TOKEN`, and `listeners`, `trustedProxies`, `policies`, `telemetry`, `guardrails`, `rollout`, `selfTests` as one each. The order of lists
 * of named resources means nothing, so it is no part of a revision's content.
 */
import type { RevisionDocumentInput } from './document.ts'

export type Entity = readonly [key: string, value: unknown]

const lists = ['routes', 'groups', 'plans', 'certificates'] as const
const maps = ['upstreams', 'secrets'] as const
const singles = ['listeners', 'trustedProxies', 'policies', 'telemetry', 'guardrails', 'rollout', 'selfTests'] as const

/** What is left out of the document has no entity. */
export function entitiesOf(document: RevisionDocumentInput): Entity[] {
  const entities: Entity[] = []
  for (const single of singles) if (document[single] !== undefined) entities.push([single, document[single]])
  for (const map of maps) for (const [name, value] of Object.entries(document[map] ?? {})) entities.push([`${map}/${name}`, value])
  for (const list of lists) for (const value of document[list] ?? []) entities.push([`${list}/${value.name}`, value])
  return entities
}

/** The document that these entities make; lists in the order in which they come. Unknown keys are passed over. */
export function documentOf(entities: Iterable<Entity>): RevisionDocumentInput {
  const document: Record<string, unknown> = { version: 1 }
  for (const [key, value] of entities) {
    const { kind, name } = readKey(key)
    if (isOneOf(singles, kind)) document[kind] = value
    else if (isOneOf(lists, kind)) ((document[kind] ??= []) as unknown[]).push(value)
    else if (isOneOf(maps, kind)) Object.defineProperty((document[kind] ??= {}), name, { value, enumerable: true, writable: true, configurable: true })
  }
  return document as unknown as RevisionDocumentInput
}

/** `routes/get-user` is `get-user` of `routes`; a single has no name. */
export function readKey(key: string): { kind: string; name: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { kind: key, name: '' } : { kind: key.slice(0, slash), name: key.slice(slash + 1) }
}

function isOneOf(kinds: readonly string[], kind: string): boolean {
  return kinds.includes(kind)
}
