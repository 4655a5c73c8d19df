/**
 * Revisions as they lie in the store, read back whole. Those read or made last are kept: nearly all ask for the head, and
 * what was changed lately shares nearly everything with it.
 */
import type { ConfigStore, RevisionRecord } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import { documentOf, emptyConfig, lineKey, readLine, type SegmentedConfig } from '@sluice/proto/config'
import type { WrittenDocument } from './resources.ts'
import type { Storage } from './store-beside.ts'
import { decodeBody } from './stored-body.ts'

type Secrets = Readonly<Record<string, string>>

export interface StoredRevision {
  readonly record: RevisionRecord
  /** What edges are given. */
  readonly config: SegmentedConfig
  readonly document: WrittenDocument
  /** Values of its references; for edges only. */
  readonly secrets: Secrets
  readonly isForced: boolean
  readonly storage: Storage
}

/** Beyond it an edge that lags fetches segments instead of a delta. */
export const keptRevisions = 32
/** More than any chain that is written; a longer one is damage. */
const maxDepth = 64

export class StoredRevisions {
  readonly #store: ConfigStore
  readonly #scope: string
  /** By number, the one used last at the end. */
  readonly #kept = new Map<number, StoredRevision>()

  constructor(store: ConfigStore, scope: string) {
    this.#store = store
    this.#scope = scope
  }

  /** The head, or undefined before the first revision. Throws `dependency.store_unreachable`. */
  async head(): Promise<StoredRevision | undefined> {
    const record = await this.#store.head(this.#scope)
    return record === undefined ? undefined : this.read(record.revision)
  }

  /** Throws `config.not_found`, `dependency.store_unreachable`. */
  async read(revision: number): Promise<StoredRevision> {
    const known = this.#kept.get(revision)
    if (known !== undefined) return this.keep(known)
    return this.keep(await this.#read(revision))
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

  async #read(revision: number): Promise<StoredRevision> {
    const { record, ...body } = await this.#bodyOf(revision)
    const chain = [body.lines]
    let { base } = body
    for (; base > 0 && chain.length <= maxDepth; ) {
      const below = await this.#bodyOf(base)
      chain.unshift(below.lines)
      base = below.base
    }
    const lines = new Map(body.base === 0 ? [] : body.lines.map((line) => [lineKey(line), line]))
    return { record, ...contentOf(chain), isForced: body.isForced, storage: { base: body.base, depth: chain.length - 1, lines } }
  }

  async #bodyOf(revision: number) {
    const stored = await this.#store.read(this.#scope, revision)
    if (stored === undefined) throw new SluiceError('config.not_found', { detail: `There is no revision ${revision}` })
    const { body, ...record } = stored
    return { record, ...decodeBody(body) }
  }
}

/** Lists keep the order in which they were written. */
function contentOf(chain: readonly (readonly string[])[]): Pick<StoredRevision, 'config' | 'document' | 'secrets'> {
  const lines = new Map<string, string>()
  const values = new Map<string, unknown>()
  for (const line of chain.flat()) {
    const { key, value } = readLine(line)
    if (value === undefined) {
      lines.delete(key)
      values.delete(key)
    } else {
      lines.set(key, line)
      values.set(key, value)
    }
  }
  const { secrets = {}, ...document } = documentOf(values)
  return { config: emptyConfig.with([...lines.values()]), document, secrets }
}
