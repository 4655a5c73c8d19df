/**
 * The line of revisions: every change becomes the next one, or none. A change is an edit of the head's document; when
 * another writer was faster, it is made again on the new head, as long as nothing that it touches has changed since
 * the revision that its author saw.
 */
import { randomUUID } from 'node:crypto'
import type { Commit, CommitOutcome, ConfigStore } from '@sluice/config-stores/config-store'
import { codeOf, SluiceError } from '@sluice/errors'
import { canonicalJson, digestOf, type RevisionDocumentInput } from '@sluice/proto/config'
import type { Clock } from '@sluice/service-kit'
import type { Path, Problem, Warning } from '../validation/problem.ts'
import type { Validation } from '../validation/validate.ts'
import { problemsError } from './config-problems.ts'
import { type Difference, differencesBetween } from './differences.ts'
import type { WrittenDocument } from './resources.ts'
import { type StoredRevision, StoredRevisions } from './stored-revisions.ts'

export interface Change {
  readonly author: string
  readonly note: string
  readonly origin: Commit['origin']
  /** Digest of the file it comes from. Given, a revision is made even when nothing changes: it records the digest. */
  readonly fileDigest?: string
  /** The revision its author saw. */
  readonly ifMatch?: number | undefined
  /** The resources it changes, such as `routes/get-user`. */
  readonly touches: 'everything' | readonly string[]
  /** The head's document, changed; what it answers may hold what only a file has, such as consumers. Throws `config.*`. */
  edit(head: WrittenDocument): unknown
  /** Checks what `edit` made; `lastValues` are those of the head's references. */
  validate(edited: unknown, lastValues: Readonly<Record<string, string>>): Promise<Validation>
  /** Runs once, after the check and before the commit. */
  prepare?(validation: Validation): Promise<void>
  /** Where in the edited document the sent resource stands: its problems are told relative to it. */
  base?(edited: unknown): Path
  /** The error for these problems, instead of the usual one. */
  refuse?(problems: readonly Problem[], edited: unknown): SluiceError
}

export interface Committed {
  readonly revision: number
  readonly digest: string
  readonly body: Uint8Array
  /** False: it was so already, and `revision` is the head that says so. */
  readonly isNew: boolean
  /** When it was committed, or found to be so already; on the monotonic clock. */
  readonly at: number
  readonly warnings: readonly Warning[]
}

export interface Preview {
  /** The head that it was compared with; 0 when there is none. */
  readonly head: number
  readonly differences: readonly Difference[]
  readonly validation: Validation
}

export interface RevisionLineParts {
  readonly store: ConfigStore
  readonly scope: string
  readonly clock: Clock
  /** Told of each revision made here, before the committer is answered. */
  readonly onCommitted: (committed: Committed) => void
}

const maxTries = 5

export class RevisionLine {
  readonly stored: StoredRevisions
  readonly #parts: RevisionLineParts
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: RevisionLineParts) {
    this.#parts = parts
    this.stored = new StoredRevisions(parts.store, parts.scope)
  }

  /** Makes the change a revision. Changes made here go one after the other; against other controls the store decides. */
  commit(change: Change): Promise<Committed> {
    const mine = this.#last.then(() => this.#commit(change))
    this.#last = mine.catch(() => undefined)
    return mine
  }

  /** What the change would do. Throws what `commit` would throw for it. */
  async preview(change: Change): Promise<Preview> {
    const head = await this.stored.head()
    const { validation } = await this.#make(change, head)
    const { secrets: _, ...document } = validation.revision!
    return { head: head?.record.revision ?? 0, differences: differencesBetween(documentOf(head), document), validation }
  }

  async #commit(change: Change): Promise<Committed> {
    let isPrepared = false
    for (let tries = 0; tries < maxTries; tries++) {
      const head = await this.stored.head()
      const { validation, base } = await this.#make(change, head)
      if (!isPrepared) await change.prepare?.(validation)
      isPrepared = true
      const committed = await this.#write(change, validation, base)
      if (committed !== undefined) return committed
    }
    throw new SluiceError('config.revision_conflict', { detail: 'Other changes came in between each time; try again' })
  }

  async #make(change: Change, head: StoredRevision | undefined): Promise<{ validation: Validation; base: StoredRevision | undefined }> {
    if (change.ifMatch !== undefined) await this.#checkUntouched(change, change.ifMatch, head)
    const edited = change.edit(documentOf(head))
    const validation = await change.validate(edited, head?.secrets ?? {})
    if (validation.problems.length === 0) return { validation, base: head }
    throw change.refuse?.(validation.problems, edited) ?? problemsError(validation.problems, change.base?.(edited))
  }

  /** Undefined: another writer was faster. */
  async #write(change: Change, validation: Validation, head: StoredRevision | undefined): Promise<Committed | undefined> {
    const { store, scope, clock, onCommitted } = this.#parts
    const body = new TextEncoder().encode(canonicalJson(validation.revision satisfies RevisionDocumentInput | undefined))
    const digest = digestOf(body)
    const { warnings } = validation
    if (head?.record.digest === digest && change.fileDigest === undefined) return { revision: head.record.revision, digest, body, isNew: false, at: clock.monotonic(), warnings }
    const { author, note, origin, fileDigest = '' } = change
    const expectedHead = head?.record.revision ?? 0
    const outcome = await commitOnce(store, { scope, digest, body, changeId: randomUUID(), author, note, origin, fileDigest, expectedHead, committedAtMs: clock.now() })
    if (outcome.outcome === 'conflict') return undefined
    const committed = { revision: outcome.revision, digest, body, isNew: true, at: clock.monotonic(), warnings }
    onCommitted(committed)
    return committed
  }

  async #checkUntouched({ touches }: Change, ifMatch: number, head: StoredRevision | undefined): Promise<void> {
    const headRevision = head?.record.revision ?? 0
    if (ifMatch === headRevision) return
    if (ifMatch > headRevision) throw conflict(`There is no revision ${ifMatch} yet; the head is ${headRevision}`, headRevision, [])
    const base = ifMatch === 0 ? undefined : await this.stored.read(ifMatch).catch((error: unknown) => {
      throw codeOf(error) === 'config.not_found' ? conflict(`Revision ${ifMatch} is not kept any more`, headRevision, []) : error
    })
    const changed = differencesBetween(documentOf(base), documentOf(head)).map((difference) => difference.resource)
    const clash = touches === 'everything' ? changed : changed.filter((resource) => touches.includes(resource))
    if (clash.length > 0) throw conflict(`Changed since revision ${ifMatch}: ${clash.slice(0, 5).join(', ')}${clash.length > 5 ? ', …' : ''}`, headRevision, clash)
  }
}

/**
 * A failure of the store leaves open whether it took the commit; asked again with the same change id it answers the
 * first outcome.
 */
async function commitOnce(store: ConfigStore, commit: Commit): Promise<CommitOutcome> {
  try {
    return await store.commit(commit)
  } catch (error) {
    if (codeOf(error) !== 'dependency.store_unreachable') throw error
    return store.commit(commit)
  }
}

function documentOf(revision: StoredRevision | undefined): WrittenDocument {
  return revision?.document ?? { version: 1 }
}

function conflict(detail: string, head: number, conflicts: readonly string[]): SluiceError {
  return new SluiceError('config.revision_conflict', { detail, extra: { head, conflicts: conflicts.slice(0, 100) } })
}
