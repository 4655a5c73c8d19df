/**
 * Values kept elsewhere. Any string setting may be `env:NAME`, `file:PATH` and so on; a revision keeps the reference where it
 * was written and the value under the reference in `secrets`. Names, labels and owners are no settings: what they
 * hold is taken as it stands.
 */
import { isReference, referenceKinds } from './strings.ts'

type Path = readonly (string | number)[]

/** Settings that are a file's path themselves: the content stands in `secrets` under `file:PATH`. */
const fileSettings: ReadonlySet<unknown> = new Set(['jwksFile', 'certFile', 'keyFile', 'caFile', 'crlFile', 'clientCertFile', 'clientKeyFile'])
/** Policies whose setting `files` lists such paths, however deep. */
const listsFiles: ReadonlySet<unknown> = new Set(['ip-restriction'])
const resourceLists: ReadonlySet<unknown> = new Set(['upstreams', 'routes', 'groups', 'plans', 'consumers', 'certificates'])
const resourceMarks: ReadonlySet<unknown> = new Set(['name', 'labels', 'owner'])

export interface FoundReference {
  /** Such as `env:NAME`: the key in `secrets`. */
  readonly reference: string
  readonly path: Path
}

/** False: there is no reference in what this is the JSON of. Cheaper by far than walking through it. */
export function mayHoldReferences(json: string): boolean {
  return possibleReference.test(json)
}

const possibleReference = new RegExp(`"(?:${referenceKinds.join('|')}):|File"|"files"`)

/** Every reference in a document, in its order; one that stands in several places is told for each. */
export function referencesIn(document: unknown): FoundReference[] {
  const found: FoundReference[] = []
  mapTexts(document, [], (text, path) => {
    const reference = referenceAt(text, path)
    if (reference !== undefined) found.push({ reference, path: [...path] })
    return text
  })
  return found
}

/**
 * The document with each reference that `secrets` holds replaced by its value, and the path in a file setting by the
 * file's content; parts without one are shared with the input.
 */
export function withReferencesResolved<T>(document: T, secrets: Readonly<Record<string, string>>): T {
  const resolve = (text: string, path: Path) => {
    const reference = referenceAt(text, path)
    return reference !== undefined && Object.hasOwn(secrets, reference) ? secrets[reference]! : text
  }
  return mapTexts(document, [], resolve) as T
}

/** In a file setting a reference stands for the content, so that a key may come from the environment. */
function referenceAt(text: string, path: Path): string | undefined {
  if (isReference(text)) return text
  return isFilePath(path) ? `file:${text}` : undefined
}

function isFilePath(path: Path): boolean {
  return fileSettings.has(path.at(-1)) || listsFiles.has(path[path.lastIndexOf('files') - 1])
}

/** The value with `change` applied to each text that is a setting; what does not change is shared. */
function mapTexts(value: unknown, path: (string | number)[], change: (text: string, path: Path) => string): unknown {
  if (typeof value === 'string') return change(value, path)
  if (typeof value !== 'object' || value === null) return value
  // One resource: most have none, and their text says so at once.
  if (path.length === 2 && isPlain(value)) return value
  let copy: Record<string | number, unknown> | undefined
  for (const [name, inner] of Object.entries(value)) {
    const key = Array.isArray(value) ? Number(name) : name
    path.push(key)
    const changed = isMark(path) ? inner : mapTexts(inner, path, change)
    path.pop()
    if (changed !== inner) (copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string | number, unknown>)[key] = changed
  }
  return copy ?? value
}

/** Long ones are walked through all the same: what is nested without end has to be found out here. */
function isPlain(resource: object): boolean {
  const text = JSON.stringify(resource)
  return text.length <= maxPlain && !mayHoldReferences(text)
}

const maxPlain = 8192

/** The marks of a resource, and the name of a policy: `policies[0].rate-limit.name`. */
function isMark(path: Path): boolean {
  if (path.length === 3 && resourceLists.has(path[0]) && resourceMarks.has(path[2])) return true
  return path.at(-1) === 'name' && typeof path.at(-2) === 'string' && typeof path.at(-3) === 'number'
}
