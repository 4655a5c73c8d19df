/** What changed between two documents, resource by resource; the order in lists means nothing to an edge. */
import { isDeepStrictEqual } from 'node:util'
import { listResources, resourceKinds, type Resource, type WrittenDocument } from './resources.ts'

export interface Difference {
  /** `routes/get-user`, `upstreams/users`, `policies/cors`, `groups/gold`, `plans/free`, `listeners`, `trustedProxies`, `telemetry`, `guardrails`, `rollout`. */
  readonly resource: string
  readonly change: 'added' | 'removed' | 'changed'
  /** What changed inside, as JSON Pointers into the resource; at most 50. */
  readonly settings?: readonly SettingChange[]
}

export interface SettingChange {
  readonly pointer: string
  /** Missing: it was not there. */
  readonly before?: unknown
  /** Missing: it is gone. */
  readonly after?: unknown
}

const maxSettings = 50
const singles = ['listeners', 'trustedProxies', 'telemetry', 'guardrails', 'rollout', 'selfTests'] as const

export function differencesBetween(before: WrittenDocument, after: WrittenDocument): Difference[] {
  const differences = resourceKinds.flatMap((kind) => compareResources(kind, listResources(before, kind), listResources(after, kind)))
  for (const single of singles) differences.push(...compare(single, before[single], after[single]))
  return differences
}

/** Compares two lists of one kind by name. */
export function compareResources(kind: string, before: readonly Resource[], after: readonly Resource[]): Difference[] {
  const old = new Map(before.map((resource) => [resource.name, resource]))
  const now = new Map(after.map((resource) => [resource.name, resource]))
  const names = [...new Set([...old.keys(), ...now.keys()])].sort()
  return names.flatMap((name) => compare(`${kind}/${name}`, old.get(name), now.get(name)))
}

function compare(resource: string, before: unknown, after: unknown): Difference[] {
  if (before === undefined && after === undefined) return []
  if (before === undefined) return [{ resource, change: 'added' }]
  if (after === undefined) return [{ resource, change: 'removed' }]
  // Most are one and the same object, since an edit shares what it leaves alone.
  if (before === after || isDeepStrictEqual(before, after)) return []
  const settings: SettingChange[] = []
  compareSettings(before, after, '', settings)
  return [{ resource, change: 'changed', settings }]
}

function compareSettings(before: unknown, after: unknown, pointer: string, found: SettingChange[]): void {
  if (found.length >= maxSettings || isDeepStrictEqual(before, after)) return
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after)) {
    found.push({ pointer, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) })
    return
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const inner = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    compareSettings(before[key], after[key], inner, found)
  }
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
