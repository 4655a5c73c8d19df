/** Putting a history back: the revisions as they were, then the one that is to be in force, with the values of its references read anew. */
import type { ConfigStore } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import { type Clock, type Sealing, systemClock } from '@sluice/service-kit'
import { type Checking, rollBack } from '../revisions/changes.ts'
import { SecretSources } from '../secret-sources/secret-sources.ts'
import { RevisionLine } from '../revisions/revision-line.ts'
import { validateConfig } from '../validation/index.ts'
import type { BackupRevision } from './backup-records.ts'

export interface RestoreParts {
  readonly store: ConfigStore
  readonly scope: string
  /** Where references are read. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What values lie sealed with in the store, and `sealed:` references are read with. */
  readonly sealing?: Sealing | undefined
  readonly baseDirectory: string
  readonly clock?: Clock
}

export interface RestoreGoal {
  /** The revision whose content is to be in force [the last one]. */
  readonly revision?: number | undefined
  /** The head will have a higher number than this: edges take no revision below the one they run. */
  readonly above?: number | undefined
  readonly note: string
}

/** Throws `config.exists` unless the store is empty: a history is never mixed with another. */
export async function requireEmptyStore({ store, scope }: Pick<RestoreParts, 'store' | 'scope'>): Promise<void> {
  const head = await store.head(scope)
  if (head !== undefined) throw new SluiceError('config.exists', { detail: `the store holds ${head.revision} revisions already; a backup is restored into an empty one` })
}

/** The next revision of the history. Throws `config.revision_conflict` when somebody else writes to the store. */
export async function restoreRevision({ store, scope }: Pick<RestoreParts, 'store' | 'scope'>, { record, body }: BackupRevision): Promise<void> {
  const { revision, ...facts } = record
  const outcome = await store.commit({ ...facts, scope, expectedHead: revision - 1, body: new TextEncoder().encode(body) })
  if (outcome.outcome === 'conflict') throw new SluiceError('config.revision_conflict', { detail: `revision ${revision} cannot be restored: the store's head is ${outcome.head}; does a control use it?` })
}

/**
 * Makes the goal the head, and answers its number: that of the last revision when its content is the goal and no value
 * of a reference was left out of it. Throws `config.*` when a reference cannot be read here; the history stands then.
 */
export async function finishRestore(parts: RestoreParts, { revision, above = 0, note }: RestoreGoal): Promise<number> {
  const { store, scope, environment, sealing, baseDirectory, clock = systemClock } = parts
  const line = new RevisionLine({ store, scope, sealing, clock, onCommitted: () => {} })
  const checking: Checking = { validate: validateConfig, sources: new SecretSources({ environment, sealing }), baseDirectory, otherDirectories: [] }
  const head = (await store.head(scope))?.revision ?? 0
  if (head === 0) return 0
  const goal = await line.stored.read(revision ?? head)
  const change = rollBack(checking, goal, { author: 'restore', note })
  let { revision: last } = await line.commit(change)
  // The digest of a file, though empty, makes a revision of the same content.
  while (last <= above) last = (await line.commit({ ...change, fileDigest: '' })).revision
  return last
}
