/**
 * The part of the configuration that one owner has, put in place of what that owner had before: what others own, and
 * what nobody owns, stays as it is and is refused when the part names it.
 */
import { SluiceError } from '@sluice/errors'
import type { Path } from '../validation/problem.ts'
import type { Validation } from '../validation/validate.ts'
import { deleteResource, listResources, putResource, type Resource, type WrittenDocument } from './resources.ts'

const ownedKinds = ['upstreams', 'routes', 'groups', 'plans', 'certificates'] as const
type OwnedKind = (typeof ownedKinds)[number]

/** What stands in a part besides what has an owner. */
const free = new Set<string>(['version', 'consumers', ...ownedKinds])
const maxNamed = 5

type Part = Readonly<Record<string, unknown>>

/**
 * The head with the owner's resources replaced by those of `input`, which need not name their owner; consumers of the
 * part stand in it, too. Throws `config.not_owned` for what belongs to another, and for settings that are everybody's.
 */
export function withOwned(head: WrittenDocument, input: unknown, owner: string): unknown {
  // What is no map is told by the check of its shape.
  if (!isMap(input)) return input
  refuseSettings(input)
  let document = head
  for (const kind of ownedKinds) document = replaceKind(document, kind, resourcesIn(input, kind), owner)
  const consumers = input['consumers']
  return { ...document, ...(Array.isArray(consumers) && { consumers: consumers.map((consumer) => (isMap(consumer) ? { ...consumer, owner: consumer['owner'] ?? owner } : consumer)) }) }
}

/** Throws `config.not_owned` when one of these has another owner; `stored` are those of their names. */
export function requireOwnedConsumers(written: readonly { name: string; owner?: string | undefined }[], stored: readonly Resource[], owner: string): void {
  const foreign = [...written, ...stored].filter((consumer) => ((consumer as { owner?: string }).owner ?? '') !== owner)
  if (foreign.length > 0) throw notOwned(foreign.map((consumer) => describe('consumers', consumer as Resource)), owner)
}

/**
 * What was found in the whole, as it concerns the part: paths lead into `input`, and what is wrong elsewhere because of
 * it stands at its beginning, by name.
 */
export function toldOfPart(found: Validation, edited: unknown, input: unknown): Validation {
  const problems = found.problems.map((problem) => {
    const path = pathInPart(problem.path, edited, input)
    return path === undefined ? { ...problem, path: [], message: `${nameAt(problem.path, edited)}: ${problem.message}` } : { ...problem, path }
  })
  const warnings = found.warnings.flatMap((warning) => {
    const path = pathInPart(warning.path, edited, input)
    return path === undefined ? [] : [{ ...warning, path }]
  })
  return { ...found, problems, warnings }
}

function refuseSettings(input: Part): void {
  const shared = Object.keys(input).filter((key) => !free.has(key))
  if (shared.length === 0) return
  throw new SluiceError('config.not_owned', { detail: `"${shared.slice(0, maxNamed).join('", "')}" ${shared.length === 1 ? 'is' : 'are'} everybody's; with an owner a configuration holds upstreams, routes, groups, plans, certificates and consumers only` })
}

function replaceKind(head: WrittenDocument, kind: OwnedKind, written: readonly Resource[], owner: string): WrittenDocument {
  const before = new Map(listResources(head, kind).map((resource) => [resource.name, resource]))
  const foreign = written.flatMap((resource) => [resource, before.get(resource.name)].filter((one) => one !== undefined && ownerOf(one, one === resource ? owner : '') !== owner))
  if (foreign.length > 0) throw notOwned(foreign.map((resource) => describe(kind, resource!)), owner)
  const names = new Set(written.map(({ name }) => name))
  let document = head
  for (const [name, resource] of before) if (ownerOf(resource, '') === owner && !names.has(name)) document = deleteResource(document, kind, name)
  for (const { name, ...body } of written) document = putResource(document, kind, name, { ...body, owner })
  return document
}

function resourcesIn(input: Part, kind: OwnedKind): Resource[] {
  const written = input[kind]
  if (kind === 'upstreams') return Object.entries(isMap(written) ? written : {}).map(([name, upstream]) => ({ ...(isMap(upstream) ? upstream : {}), name }))
  return (Array.isArray(written) ? written : []).filter((item): item is Resource => isMap(item) && typeof item['name'] === 'string')
}

function ownerOf(resource: Resource, otherwise: string): string {
  return typeof resource['owner'] === 'string' ? resource['owner'] : otherwise
}

function notOwned(resources: readonly string[], owner: string): SluiceError {
  const named = [...new Set(resources)]
  const more = named.length > maxNamed ? `, and ${named.length - maxNamed} more` : ''
  return new SluiceError('config.not_owned', { detail: `"${owner}" does not have ${named.slice(0, maxNamed).join(', ')}${more}`, extra: { resources: named.slice(0, 100) } })
}

function describe(kind: string, resource: Resource): string {
  const owner = ownerOf(resource, '')
  return `${kind}/${resource.name} (${owner === '' ? 'nobody has it' : `"${owner}" has it`})`
}

/** Undefined: it is not of the part. */
function pathInPart(path: Path, edited: unknown, input: unknown): Path | undefined {
  const [kind, place, ...rest] = path
  if (kind === undefined || !isMap(input)) return path
  const sent = input[kind]
  if (kind === 'upstreams') return isMap(sent) && Object.hasOwn(sent, String(place)) ? path : undefined
  if (kind === 'consumers' || typeof place !== 'number') return Object.hasOwn(input, kind) ? path : undefined
  const name = nameIn(edited, kind, place)
  const index = Array.isArray(sent) ? sent.findIndex((item) => isMap(item) && item['name'] === name) : -1
  return index === -1 ? undefined : [kind, index, ...rest]
}

function nameAt([kind = 'the configuration', place]: Path, edited: unknown): string {
  const name = typeof place === 'number' ? nameIn(edited, kind, place) : place
  return name === undefined ? String(kind) : `${kind}/${String(name)}`
}

function nameIn(document: unknown, kind: string | number, place: number): unknown {
  const list = isMap(document) ? document[kind] : undefined
  const item: unknown = Array.isArray(list) ? list[place] : undefined
  return isMap(item) ? item['name'] : undefined
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
