/**
 * A configuration as far as it can be made out: what has the wrong shape is left out here (the shape check names it),
 * so that every other problem is found in the same run.
 */
import type { Path } from './problem.ts'

export type Settings = Readonly<Record<string, unknown>>

export interface Part {
  readonly path: Path
  readonly settings: Settings
}

export interface NamedPart extends Part {
  readonly name: string
}

export interface DocumentView {
  readonly upstreams: readonly NamedPart[]
  readonly routes: readonly Part[]
  readonly groups: readonly Part[]
  readonly plans: readonly Part[]
  readonly selfTests: readonly Part[]
  readonly certificates: readonly Part[]
  readonly consumers: readonly Part[]
}

export function viewDocument(input: unknown): DocumentView {
  const document = isMap(input) ? input : {}
  return {
    upstreams: entries(document, 'upstreams'),
    routes: parts(document, 'routes'),
    groups: parts(document, 'groups'),
    plans: parts(document, 'plans'),
    selfTests: parts(document, 'selfTests'),
    certificates: parts(document, 'certificates'),
    consumers: parts(document, 'consumers'),
  }
}

export function isMap(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function textOf(settings: unknown, key: string): string | undefined {
  const value = isMap(settings) ? settings[key] : undefined
  return typeof value === 'string' ? value : undefined
}

/** The items of a list that are texts, with their indexes. */
export function textsOf(settings: Settings, key: string): { index: number; text: string }[] {
  const value = settings[key]
  if (!Array.isArray(value)) return []
  return value.flatMap((text: unknown, index) => (typeof text === 'string' ? [{ index, text }] : []))
}

/** The items of a list that are maps. */
export function parts(settings: Settings, key: string, above: Path = []): Part[] {
  const value = settings[key]
  if (!Array.isArray(value)) return []
  return value.flatMap((item: unknown, index) => (isMap(item) ? [{ path: [...above, key, index], settings: item }] : []))
}

function entries(document: Settings, key: string): NamedPart[] {
  const value = document[key]
  if (!isMap(value)) return []
  return Object.entries(value).flatMap(([name, settings]) => (isMap(settings) ? [{ path: [key, name], name, settings }] : []))
}
