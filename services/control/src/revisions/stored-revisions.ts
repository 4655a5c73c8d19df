/**
 * Revisions as they lie in the store, read back whole. Those read or made last are kept: nearly all ask for the head, and
 * what was changed lately shares nearly everything with it.
 */
import type { ConfigStore, RevisionRecord } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import type { Sealing } from '@sluice/service-kit'
import { documentOf, emptyConfig, entitiesOf, lineKey, readLine, type SegmentedConfig } from '@sluice/proto/config'
import type { WrittenDocument } from './resources.ts'
import type { Storage } from './store-beside.ts'
import { decodeBody, type Ring } from './stored-body.ts'

type Secrets = Readonly<Record<string, string>>

export interface StoredRevision {
  readonly record: RevisionRecord
  /** What edges are given. */
  readonly config: SegmentedConfig
  readonly document: WrittenDocument
  /** Values of its references; for edges only. */
  readonly secrets: Secrets
  readonly forcedRevision: number
  /** Left out, it is for every edge. */
  readonly ring?: Ring | undefined
  readonly storage: Storage
}

/** Beyond it an edge that lags fetches segments instead of a delta. */
export const keptRevisions = 32
/** More than any chain that is written; a longer one is damage. */
const maxDepth = 64

export class StoredRevisions {
  readonly #store: ConfigStore
  readonly #scope: string
  readonly #sealing: Sealing | undefined
  /** What is being committed here: others hear of it from the store before its committer does. */
  underWay: StoredRevision | undefined
  /** The newest head that was read, or made here. */
  lastHead: RevisionRecord | undefined
  /** By number, the one used last at the end. */
  readonly #kept = new Map<number, StoredRevision>()

  /** `sealing`: what values of references lie sealed with; left out, they lie in clear. */
  constructor(store: ConfigStore, scope: string, sealing?: Sealing | undefined) {
    this.#store = store
    this.#scope = scope
    this.#sealing = sealing
  }

  /** The head, or undefined before the first revision. Throws `dependency.store_unreachable`. */
  async head(): Promise<StoredRevision | undefined> {
    const record = await this.#store.head(this.#scope)
    this.lastHead = record
    if (record === undefined) return undefined
    const { underWay } = this
    return underWay?.record.changeId === record.changeId ? this.keep(underWay) : this.read(record.revision)
  }

  /** Throws `config.not_found`, `dependency.store_unreachable`. */
  async read(revision: number): Promise<StoredRevision> {
    const known = this.#kept.get(revision)
    if (known !== undefined) return this.keep(known)
    return this.keep(await this.#read(revision))
  }

  /** As `read`, for who goes through many: what is kept stays what is asked for. */
  async look(revision: number): Promise<StoredRevision> {
    return this.#kept.get(revision) ?? this.#read(revision)
  }

  /** The configuration of a revision that is at hand. */
  recent(revision: number, digest: string): SegmentedConfig | undefined {
    const known = this.#kept.get(revision)
    return known?.config.digest === digest ? known.config : undefined
  }

  keep(revision: StoredRevision): StoredRevision {
    const { revision: number } = revision.record
    this.#kept.delete(number)
    this.#kept.set(number, revision)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= keptRevisions) break
      this.#kept.delete(oldest)
    }
    return revision
  }

  /** Newest first, those before `before`. */
  list(options: { before?: number; limit: number }): Promise<RevisionRecord[]> {
    return this.#store.list(this.#scope, options)
  }

  /** Applied to what is at hand when that is possible: a body is short, what it stands on may not be. */
  async #read(revision: number, depth = 0): Promise<StoredRevision> {
    const { record, base, lines, forcedRevision, ring } = await this.#bodyOf(revision)
    if (base === 0) return { record, ...contentOf(nothing, lines), forcedRevision, ring, storage: { base, depth: 0, lines: new Map() } }
    if (base >= revision || depth > maxDepth) throw new SluiceError('internal.invariant_broken', { detail: `Revision ${revision} stands on ${base} in the store` })
    const below = this.#atHand(base, revision) ?? this.keep(await this.#read(base, depth + 1))
    const own = below.record.revision === base ? below.storage.depth + 1 : below.storage.depth
    return { record, ...contentOf(below, lines), forcedRevision, ring, storage: { base, depth: own, lines: new Map(lines.map((line) => [lineKey(line), line])) } }
  }

  /** The base itself, or an earlier revision on the same base: lines are all since the base, so they fit on both. */
  #atHand(base: number, revision: number): StoredRevision | undefined {
    return this.#kept.get(base) ?? [...this.#kept.values()].findLast((one) => one.storage.base === base && one.record.revision < revision)
  }

  async #bodyOf(revision: number) {
    const stored = await this.#store.read(this.#scope, revision)
    if (stored === undefined) throw new SluiceError('config.not_found', { detail: `There is no revision ${revision}` })
    const { body, ...record } = stored
    try {
      return { record, ...decodeBody(body, this.#sealing) }
    } catch (error) {
      throw new SluiceError('config.unreadable', { detail: `Revision ${revision} in the store cannot be read: ${(error as Error).message}`, cause: error })
    }
  }
}

type Content = Pick<StoredRevision, 'config' | 'document' | 'secrets'>

const nothing: Content = { config: emptyConfig, document: { version: 1 }, secrets: {} }

/** Lists keep the order in which they were written. */
function contentOf({ config, document: before, secrets: known }: Content, lines: readonly string[]): Content {
  const values = new Map<string, unknown>(entitiesOf({ ...before, secrets: known }))
  for (const line of lines) {
    const { key, value } = readLine(line)
    if (value === undefined) values.delete(key)
    else values.set(key, value)
  }
  const { secrets = {}, ...document } = documentOf(values)
  return { config: config.with(lines), document, secrets }
}
