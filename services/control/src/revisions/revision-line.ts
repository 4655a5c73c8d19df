/**
 * The line of revisions: every change becomes the next one, or none. A change is an edit of the head's document; when
 * another writer was faster, it is made again on the new head, as long as nothing that it touches has changed since
 * the revision that its author saw.
 */
import { randomUUID } from 'node:crypto'
import type { Commit, ConfigStore, RevisionRecord } from '@sluice/config-stores/config-store'
import { codeOf, SluiceError } from '@sluice/errors'
import { deltaBetween, entitiesOf, lineOf, readLine, type RevisionDocumentInput, type SegmentedConfig } from '@sluice/proto/config'
import type { Clock, Sealing } from '@sluice/service-kit'
import type { Warning } from '../validation/problem.ts'
import type { Validation } from '../validation/validate.ts'
import type { Change } from './changes.ts'
import { checkChange, type CheckedChange } from './checked-change.ts'
import { type Difference, differencesBetween } from './differences.ts'
import { DocumentIndex } from './document-index.ts'
import { findEntity, type WrittenDocument } from './resources.ts'
import { storeBeside } from './store-beside.ts'
import { encodeBody, type Ring } from './stored-body.ts'
import { type StoredRevision, StoredRevisions } from './stored-revisions.ts'
import { keepAgain, writeOnce } from './write-once.ts'

export interface Committed {
  readonly revision: number
  readonly config: SegmentedConfig
  /** The newest revision up to it that edges are to take although much of what they serve goes with it; 0: none. */
  readonly forcedRevision: number
  /** False: it was so already, and `revision` is the head that says so. */
  readonly isNew: boolean
  /** Left out, it is for every edge. */
  readonly ring?: Ring | undefined
  /** The content that edges outside of the ring keep. */
  readonly stable?: StoredRevision | undefined
  /** When the store had it, or it was found to be so already; on the monotonic clock. */
  readonly at: number
  /** What its check and the store took, in ms; left out when nothing was written. */
  readonly took?: { readonly check: number; readonly store: number }
  readonly warnings: readonly Warning[]
}

/** A revision that the next can be made from, and nobody is to hear of yet. */
interface Written {
  readonly committed: Omit<Committed, 'at' | 'took'>
  readonly record: RevisionRecord
  readonly commit: Commit
  readonly kept: Promise<void>
  /** On the monotonic clock. */
  readonly beganAt: number
  readonly writtenAt: number
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
  /** What values of references lie sealed with in the store; left out, they lie there in clear. */
  readonly sealing?: Sealing | undefined
  readonly clock: Clock
  /** On which edges a change is tried first [on all at once]. */
  readonly ringOf?: (change: Change, document: WrittenDocument, head: StoredRevision | undefined) => Ring | undefined
  /** Told of each revision made here, before the committer is answered. */
  readonly onCommitted: (committed: Committed) => void
}

/** What a revision records of its change. */
type Facts = Pick<Change, 'author' | 'note' | 'origin' | 'fileDigest' | 'isForced'>

const maxTries = 5
/** Beyond it a new index costs less than a change of the old one, since each entity is looked for in two documents. */
const maxIndexChanges = 100

export class RevisionLine {
  readonly stored: StoredRevisions
  readonly #parts: RevisionLineParts
  #last: Promise<unknown> = Promise.resolve()
  /** What was written last, while the store does not show it as its head: it may not be on the disk yet. */
  #ahead: { readonly revision: StoredRevision; readonly kept: Promise<void> } | undefined
  #indexed: { readonly config: SegmentedConfig; readonly document: WrittenDocument; readonly index: DocumentIndex } | undefined

  constructor(parts: RevisionLineParts) {
    this.#parts = parts
    this.stored = new StoredRevisions(parts.store, parts.scope, parts.sealing)
  }

  /**
   * Makes the change a revision. Changes made here go one after the other; against other controls the store decides. One that is
   * written waits for the disk beside the next one's check, so that a flush is for several.
   */
  commit(change: Change): Promise<Committed> {
    return this.#inTurn(() => this.#commit(change))
  }

  async #inTurn<W extends Written | Committed | undefined>(make: () => Promise<W>): Promise<Committed | Exclude<W, Written>> {
    const mine = this.#last.then(make)
    this.#last = mine.catch(() => undefined)
    const made = await mine
    return isWritten(made) ? this.#keep(made) : (made as Exclude<W, Written>)
  }

  /**
   * The head once more, for the edges of another ring, or all of them, as long as it is this revision; undefined: it is
   * another one by now.
   */
  moveOn(revision: number, ring: Ring | undefined, { author, note }: Pick<Change, 'author' | 'note'>): Promise<Committed | undefined> {
    return this.#inTurn(async () => {
      const head = await this.#head()
      if (head?.record.revision !== revision) return undefined
      const { document, secrets, config } = head
      const validation: Validation = { problems: [], warnings: [], document: undefined, revision: undefined, consumers: undefined }
      return this.#write({ author, note, origin: 'api' }, { validation, document, secrets, config, delta: [] }, head, { ring, isSame: true, beganAt: this.#parts.clock.monotonic() })
    })
  }

  /** The head's resources in which these references stand, as a change of them would name them. */
  async usersOf(references: readonly string[]): Promise<string[]> {
    const head = await this.#head()
    if (head === undefined) return []
    const index = this.#indexOf(head)
    return [...new Set(references.flatMap((reference) => [...index.usersOf(reference)]))]
  }

  /** What the change would do. Throws what `commit` would throw for it. */
  async preview(change: Change): Promise<Preview> {
    const head = await this.#head()
    const { validation, document } = await this.#make(change, head)
    return { head: head?.record.revision ?? 0, differences: differencesBetween(documentOf(head), document), validation }
  }

  async #commit(change: Change): Promise<Written | Committed> {
    const beganAt = this.#parts.clock.monotonic()
    let isPrepared = false
    for (let tries = 0; tries < maxTries; tries++) {
      const head = await this.#head()
      const checked = await this.#make(change, head)
      if (!isPrepared) await change.prepare?.(checked.validation)
      isPrepared = true
      const made = await this.#write(change, checked, head, { ring: this.#parts.ringOf?.(change, checked.document, head), isSame: change.fileDigest !== undefined, beganAt })
      if (made !== undefined) return made
    }
    throw new SluiceError('config.revision_conflict', { detail: 'Other changes came in between each time; try again' })
  }

  /** What the next change is made from. */
  async #head(): Promise<StoredRevision | undefined> {
    const head = await this.stored.head()
    const ahead = this.#ahead?.revision
    if (ahead !== undefined && (head?.record.revision ?? 0) < ahead.record.revision) return ahead
    this.#ahead = undefined
    return head
  }

  async #make(change: Change, head: StoredRevision | undefined): Promise<CheckedChange> {
    if (change.ifMatch !== undefined) await this.#checkUntouched(change, change.ifMatch, head)
    return checkChange(change, head, () => this.#indexOf(head!))
  }

  /** `isSame`: a revision is made even when nothing differs. Undefined: another writer was faster. */
  async #write(change: Facts, checked: CheckedChange, head: StoredRevision | undefined, { ring, isSame, beganAt }: { ring: Ring | undefined; isSame: boolean; beganAt: number }): Promise<Written | Committed | undefined> {
    const { store, scope, sealing, clock } = this.#parts
    const { config, delta, document, secrets, validation } = checked
    const { digest } = config
    const { author, note, origin, fileDigest = '', isForced = false } = change
    const expectedHead = head?.record.revision ?? 0
    const forcedRevision = isForced ? expectedHead + 1 : (head?.forcedRevision ?? 0)
    const about = { config, forcedRevision, warnings: validation.warnings }
    // What is on its way to a few is made a revision for all when it is to go to all.
    const isAround = head?.ring === undefined || ring !== undefined
    if (head?.config.digest === digest && !isSame && isAround) {
      await this.#ahead?.kept
      return { ...about, ring: head.ring, revision: head.record.revision, isNew: false, at: clock.monotonic() }
    }
    const storage = storeBeside(head && { revision: expectedHead, storage: head.storage }, config, delta)
    const body = encodeBody({ base: storage.base, lines: storage.base === 0 ? (checked.lines ?? linesInOrder({ ...document, secrets })) : [...storage.lines.values()], forcedRevision, ring }, sealing)
    const facts = { scope, digest, changeId: randomUUID(), author, note, origin, fileDigest, committedAtMs: clock.now() }
    const made = { record: { ...facts, revision: expectedHead + 1 }, config, document, secrets, forcedRevision, ring, storage }
    this.stored.underWay = made
    const commit = { ...facts, body, expectedHead }
    const writtenAt = clock.monotonic()
    const { outcome, kept } = await writeOnce(store, commit)
    if (outcome.outcome === 'conflict') {
      // A store that writes in two steps may not show it as its head yet.
      if (store.write !== undefined) this.#ahead = { revision: await this.stored.read(outcome.head), kept }
      return undefined
    }
    const { revision } = outcome
    this.stored.keep(made)
    if (store.write !== undefined) this.#ahead = { revision: made, kept }
    const stable = ring && (await this.stored.read(ring.stable))
    return { committed: { ...about, ring, stable, revision, isNew: true }, record: made.record, commit, kept, beganAt, writtenAt }
  }

  /** Told once nothing takes it any more; in order, since the store keeps them so. */
  async #keep({ committed, record, commit, kept, beganAt, writtenAt }: Written): Promise<Committed> {
    const { store, clock, onCommitted } = this.#parts
    await kept.catch(() => keepAgain(store, commit))
    this.stored.lastHead = record
    const at = clock.monotonic()
    const done = { ...committed, at, took: { check: writtenAt - beganAt, store: at - writtenAt } }
    onCommitted(done)
    return done
  }

  /** Kept from one change to the next: what differs since is all that is looked at. */
  #indexOf({ config, document }: StoredRevision): DocumentIndex {
    const known = this.#indexed
    const delta = known === undefined ? [] : deltaBetween(known.config, config)
    if (known === undefined || delta.length > maxIndexChanges) this.#indexed = { config, document, index: new DocumentIndex(document) }
    else {
      for (const line of delta) {
        const { key } = readLine(line)
        if (!key.startsWith('secrets/')) known.index.change(key, findEntity(known.document, key), findEntity(document, key))
      }
      this.#indexed = { ...known, config, document }
    }
    return this.#indexed!.index
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

function isWritten(made: Written | Committed | undefined): made is Written {
  return made !== undefined && 'kept' in made
}

/** In the order in which the document holds them, so that it can be shown so again. */
function linesInOrder(document: RevisionDocumentInput): string[] {
  return entitiesOf(document).map(([key, value]) => lineOf(key, value))
}

function documentOf(revision: StoredRevision | undefined): WrittenDocument {
  return revision?.document ?? { version: 1 }
}

function conflict(detail: string, head: number, conflicts: readonly string[]): SluiceError {
  return new SluiceError('config.revision_conflict', { detail, extra: { head, conflicts: conflicts.slice(0, 100) } })
}
