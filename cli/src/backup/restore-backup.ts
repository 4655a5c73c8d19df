import { openConfigStore } from '@sluice/config-stores'
import { type BackupRecord, type BackupRevocation, type BackupSessionEnd, finishRestore, requireEmptyStore as requireNoRevisions, restoreRevision } from '@sluice/control/backup'
import { openCredentialStore } from '@sluice/credential-stores'
import { requireEmptyStore as requireNoConsumers, restoreConsumers, restoreRevocations } from '@sluice/auth/restore'
import { defaultScope } from '@sluice/proto/subjects'
import type { Sealing } from '@sluice/service-kit'
import { Failure } from '../failure.ts'
import { readBackup } from './backup-file.ts'
import type { StoredBackup } from './backup-folder.ts'

export interface RestorePlan {
  readonly chain: readonly StoredBackup[]
  /** The one that was taken last: what was revoked by then stays so, whatever the point in time. */
  readonly newest: StoredBackup
  readonly key: Buffer | undefined
  /** The point in time; undefined: all there is. */
  readonly atMs: number | undefined
  readonly above: number | undefined
  readonly store: string
  readonly settings: object
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /** What values lie sealed with in the store. */
  readonly sealing: Sealing | undefined
  readonly baseDirectory: string
  readonly onWarning: (message: string) => void
}

export interface Restored {
  /** The head now. */
  readonly revision: number
  /** The revision whose content that is. */
  readonly content: number
  readonly revisions: number
  readonly consumers: number
  /** Tokens that stay refused. */
  readonly revocations: number
  /** Names of sessions of browsers that stay over. */
  readonly sessions: number
  /** When the backup was taken from which the consumers are. */
  readonly consumersOf: string
}

/** Reads every file to its end, so that nothing damaged is half restored. Throws a `Failure`. */
export async function verifyChain(chain: readonly StoredBackup[], key: Buffer | undefined): Promise<void> {
  for (const { file, header } of chain) {
    const records = readBackup(file, header, key)
    while (!(await records.next()).done) continue
  }
}

/** Puts the chain into empty stores. Throws a `Failure`, or `config.*` and `dependency.*` of the stores. */
export async function restoreBackup(plan: RestorePlan): Promise<Restored> {
  const { store: name, settings, onWarning } = plan
  const config = await openConfigStore(name, settings, { onWarning })
  try {
    const credentials = await openCredentialStore(name, settings, { onWarning })
    try {
      return await restoreInto(plan, config, credentials)
    } finally {
      await credentials.close()
    }
  } finally {
    await config.close()
  }
}

async function restoreInto(plan: RestorePlan, store: Awaited<ReturnType<typeof openConfigStore>>, credentials: Awaited<ReturnType<typeof openCredentialStore>>): Promise<Restored> {
  const { chain, newest, key, atMs = Infinity, environment, sealing, baseDirectory } = plan
  const parts = { store, scope: defaultScope, environment, sealing, baseDirectory }
  await requireNoRevisions(parts)
  await requireNoConsumers(credentials, defaultScope)
  const found: Found = { consumers: new Map(), revocations: [], sessionEnds: [], revisions: 0, content: 0 }
  for (const backup of chain) {
    for await (const record of readBackup(backup.file, backup.header, key)) {
      if (record.kind === 'revision' && record.record.revision > found.revisions) {
        await restoreRevision(parts, record)
        found.revisions = record.record.revision
        if (record.record.committedAtMs <= atMs) found.content = found.revisions
      }
      if (backup === chain[0] || Date.parse(backup.header.takenAt) <= atMs) noteConsumer(found.consumers, record)
    }
  }
  for await (const record of readBackup(newest.file, newest.header, key)) {
    if (record.kind === 'revocation') found.revocations.push(record)
    if (record.kind === 'sessionEnd') found.sessionEnds.push(record)
  }
  if (found.revisions > 0 && found.content === 0) throw new Failure('there was no revision yet at that time')
  // The callers first: a route that asks for credentials then has its callers known.
  const consumers = await restoreConsumers(credentials, defaultScope, found.consumers.values())
  const revocations = await restoreRevocations(credentials, defaultScope, found.revocations)
  const sessions = await restoreRevocations(credentials, defaultScope, found.sessionEnds)
  const source = chain.findLast(({ header }) => Date.parse(header.takenAt) <= atMs) ?? chain[0]!
  const note = `restored: revision ${found.content} of the backup of ${chain.at(-1)!.header.takenAt}`
  const revision = await finishRestore(parts, { revision: found.content || undefined, above: plan.above, note })
  return { revision, content: found.content, revisions: found.revisions, consumers, revocations, sessions, consumersOf: source.header.takenAt }
}

interface Found {
  /** JSON by name. */
  readonly consumers: Map<string, string>
  readonly revocations: BackupRevocation[]
  readonly sessionEnds: BackupSessionEnd[]
  /** The number of the last one. */
  revisions: number
  /** The last one that was committed by then. */
  content: number
}

function noteConsumer(consumers: Map<string, string>, record: BackupRecord): void {
  if (record.kind === 'allConsumers') consumers.clear()
  if (record.kind === 'consumer') consumers.set(record.consumer.name, JSON.stringify(record.consumer))
  if (record.kind === 'consumerGone') consumers.delete(record.name)
}
