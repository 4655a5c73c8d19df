/**
 * One configuration laid over another: what differs in an environment, such as production, over what all share. Maps
 * are merged, named resources by their name; anything else in the overlay, lists included, stands in place of what was
 * there, and null takes a setting away.
 */
import { canonicalJson, digestOf } from '@sluice/proto/config'
import type { ConfigFile } from './config-file-read.ts'
import type { Path, Position } from './problem.ts'

const namedLists = new Set(['routes', 'groups', 'plans', 'certificates', 'guardrails', 'selfTests', 'consumers'])

/** Where an item of a merged list stands in each of the two. */
interface Places {
  readonly inBase: number | undefined
  readonly inOverlay: number | undefined
}

/** Positions lead into the file that a setting comes from; relative paths start where those of `base` do. */
export function overlaid(base: ConfigFile, overlay: ConfigFile): ConfigFile {
  const problems = [...base.problems, ...overlay.problems]
  if (problems.length > 0) return { ...base, problems }
  if (!isMap(base.input) || overlay.input === null || overlay.input === undefined) return base
  if (!isMap(overlay.input)) return { ...base, problems: [{ message: 'the overlay is no map of settings', position: overlay.locate([]) }] }
  const places = new Map([...namedLists].map((key) => [key, placesOf(items(base.input, key), items(overlay.input, key))]))
  const input = mergeMaps(base.input, overlay.input, places)
  return { ...base, input, digest: digestOf(canonicalJson(input) ?? ''), locate: (path, onKey) => locate({ base, overlay, places }, path, onKey) }
}

function mergeMaps(base: Record<string, unknown>, overlay: Record<string, unknown>, places?: ReadonlyMap<string, readonly Places[]>): Record<string, unknown> {
  const merged = new Map(Object.entries(base))
  for (const [key, value] of Object.entries(overlay)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergeValues(merged.get(key), value, places?.get(key)))
  }
  return Object.fromEntries(merged)
}

function mergeValues(base: unknown, overlay: unknown, places: readonly Places[] | undefined): unknown {
  if (places !== undefined && Array.isArray(base) && Array.isArray(overlay)) {
    return places.map(({ inBase, inOverlay }) => (inOverlay === undefined ? base[inBase!] : mergeValues(inBase === undefined ? undefined : base[inBase], overlay[inOverlay], undefined)))
  }
  return isMap(overlay) ? mergeMaps(isMap(base) ? base : {}, overlay) : overlay
}

/** The base's items in their order, then those that only the overlay has. */
function placesOf(base: readonly unknown[], overlay: readonly unknown[]): Places[] {
  const byName = new Map(overlay.map((item, index) => [nameOf(item), index]))
  byName.delete(undefined)
  const merged: Places[] = base.map((item, inBase) => ({ inBase, inOverlay: byName.get(nameOf(item)) }))
  const met = new Set(merged.map(({ inOverlay }) => inOverlay))
  return [...merged, ...overlay.flatMap((_, inOverlay) => (met.has(inOverlay) ? [] : [{ inBase: undefined, inOverlay }]))]
}

interface Layers {
  readonly base: ConfigFile
  readonly overlay: ConfigFile
  readonly places: ReadonlyMap<string, readonly Places[]>
}

function locate({ base, overlay, places }: Layers, path: Path, onKey?: boolean): Position {
  const [kind = '', place, ...rest] = path
  const item = typeof place === 'number' ? places.get(String(kind))?.[place] : undefined
  const inOverlay = item === undefined ? path : item.inOverlay === undefined ? undefined : [kind, item.inOverlay, ...rest]
  const inBase = item === undefined ? path : item.inBase === undefined ? undefined : [kind, item.inBase, ...rest]
  if (inOverlay !== undefined && (inBase === undefined || comesFrom(overlay.input, inOverlay, item !== undefined))) return overlay.locate(inOverlay, onKey)
  return base.locate(inBase ?? path, onKey)
}

/** Whether what stands at the path, or is missing there, is the overlay's: it goes as far, or to something that is not merged. */
function comesFrom(overlay: unknown, path: Path, isInNamedList: boolean): boolean {
  let value = overlay
  for (const [depth, part] of path.entries()) {
    const isMergedList = isInNamedList && depth === 1
    if (!isMap(value) && !isMergedList) return value !== undefined
    value = (value as Record<string | number, unknown>)[part]
    if (value === undefined) return false
  }
  return true
}

function items(input: unknown, key: string): readonly unknown[] {
  const list = isMap(input) ? input[key] : undefined
  return Array.isArray(list) ? list : []
}

function nameOf(item: unknown): string | undefined {
  return isMap(item) && typeof item['name'] === 'string' ? item['name'] : undefined
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
