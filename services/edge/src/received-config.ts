/** What a worker has been given, entity by entity, and what of it has not been taken into force yet. */
import { mayHoldReferences, readKey, readLine, referencesIn, type RevisionDocument, revisionDocument, route, type Route, upstream, type Upstream, withReferencesResolved, documentOf, type Entity } from '@sluice/proto/config'
import type { z } from 'zod'

/** Why a revision cannot be run, with the place in it. */
export class SnapshotRefused extends Error {
  /** JSON Pointer; resources stand under their names: `/routes/get-user/match`. */
  readonly pointer: string

  constructor(message: string, pointer: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'SnapshotRefused'
    this.pointer = pointer
  }
}

/** All but routes and upstreams: small, and read anew when any of it changes. */
export type Frame = Pick<RevisionDocument, 'listeners' | 'trustedProxies' | 'policies' | 'groups' | 'plans' | 'certificates' | 'telemetry' | 'selfTests'>

export interface ReadEntity<T> {
  readonly value: T
  /** With references resolved, as it was written. */
  readonly written: unknown
}

const byName: ReadonlySet<string> = new Set(['routes', 'upstreams'])

export class ReceivedConfig {
  /** Lines by key; read when they are needed. */
  readonly #lines = new Map<string, string>()
  readonly #withReferences = new Set<string>()
  #secrets: Record<string, string> = {}
  /** Keys of what changed since the last adoption. */
  dirty = new Set<string>()

  /** Takes in one line; its effect waits for the next adoption. Throws a `SyntaxError`. */
  take(key: string, line: string, isRemoval: boolean): void {
    this.dirty.add(key)
    if (isRemoval) this.#lines.delete(key)
    else this.#lines.set(key, line)
    if (key.startsWith('secrets/')) return this.#takeSecret(key, line, isRemoval)
    if (!isRemoval && mayHoldReferences(line)) this.#withReferences.add(key)
    else this.#withReferences.delete(key)
  }

  has(key: string): boolean {
    return this.#lines.has(key)
  }

  /** What changed, and what has to be read again since the value of a reference did. */
  changedKeys(): Set<string> {
    const isSecretDirty = [...this.dirty].some((key) => key.startsWith('secrets/'))
    return isSecretDirty ? new Set([...this.dirty, ...this.#withReferences]) : this.dirty
  }

  /** Throws `SnapshotRefused`. */
  readRoute(name: string): ReadEntity<Route> {
    const written = this.#resolved(`routes/${name}`)
    return { written, value: parsed(route, written, `/routes/${name}`) }
  }

  /** Throws `SnapshotRefused`. */
  readUpstream(name: string): ReadEntity<Upstream> {
    const written = this.#resolved(`upstreams/${name}`)
    return { written, value: parsed(upstream, written, `/upstreams/${name}`) }
  }

  /** Throws `SnapshotRefused`. */
  readFrame(): ReadEntity<Frame> {
    const entities = [...this.#lines.keys()].filter((key) => isFrame(key)).map((key): Entity => [key, readLine(this.#lines.get(key)!).value])
    const written = withReferencesResolved(documentOf(entities), this.#secrets)
    return { written, value: parsed(revisionDocument, written, '') }
  }

  #resolved(key: string): unknown {
    const { value } = readLine(this.#lines.get(key)!)
    if (!this.#withReferences.has(key)) return value
    const { kind, name } = readKey(key)
    const document = documentOf([[key, value]])
    if (referencesIn(document).length === 0) return value
    const resolved = withReferencesResolved(document, this.#secrets)
    return kind === 'upstreams' ? resolved.upstreams![name] : resolved.routes![0]
  }

  #takeSecret(key: string, line: string, isRemoval: boolean): void {
    const reference = key.slice('secrets/'.length)
    const { [reference]: _, ...others } = this.#secrets
    this.#secrets = isRemoval ? others : { ...others, [reference]: String(readLine(line).value) }
  }
}

/** Whether the entity is read with the frame. */
export function isFrame(key: string): boolean {
  const { kind } = readKey(key)
  return !byName.has(kind) && kind !== 'secrets'
}

function parsed<S extends z.ZodType>(schema: S, value: unknown, pointer: string): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  throw new SnapshotRefused(issue.message, `${pointer}${issue.path.map((part) => `/${String(part)}`).join('')}`, result.error)
}
