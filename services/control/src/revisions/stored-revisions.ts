/** Revisions as they lie in the store, read back as documents. The newest one read is kept, since nearly all ask for it. */
import type { ConfigStore, Revision, RevisionRecord } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import type { RevisionDocumentInput } from '@sluice/proto/config'
import type { WrittenDocument } from './resources.ts'

export interface StoredRevision {
  readonly record: RevisionRecord
  /** The canonical JSON that edges are given. */
  readonly body: Uint8Array
  readonly document: WrittenDocument
  /** Values of its references; for edges only. */
  readonly secrets: Readonly<Record<string, string>>
}

export class StoredRevisions {
  readonly #store: ConfigStore
  readonly #scope: string
  #newest: StoredRevision | undefined

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
    if (this.#newest?.record.revision === revision) return this.#newest
    const stored = await this.#store.read(this.#scope, revision)
    if (stored === undefined) throw new SluiceError('config.not_found', { detail: `There is no revision ${revision}` })
    const read = readStored(stored)
    if (revision >= (this.#newest?.record.revision ?? 0)) this.#newest = read
    return read
  }

  /** Newest first, those before `before`. */
  list(options: { before?: number; limit: number }): Promise<RevisionRecord[]> {
    return this.#store.list(this.#scope, options)
  }
}

function readStored({ body, ...record }: Revision): StoredRevision {
  const { secrets = {}, ...document } = JSON.parse(new TextDecoder().decode(body)) as RevisionDocumentInput
  return { record, body, document, secrets }
}
