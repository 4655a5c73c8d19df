import type { BackupBegin, BackupRecord } from '@sluice/control/backup'
import { streamAdmin } from '../admin-client.ts'
import type { AdminLocation } from '../admin-location.ts'
import { Failure } from '../failure.ts'
import { headerOf, writeBackup } from './backup-file.ts'
import { fileFor, listBackups, makeFolder, removeOld, type StoredBackup } from './backup-folder.ts'

export interface BackupPlan {
  readonly folder: string
  readonly location: AdminLocation
  readonly key: Buffer | undefined
  /** A full one when the last is older than this. */
  readonly fullEverySeconds: number
  /** Backups that no point in time so long ago needs are removed; undefined: none. */
  readonly keepSeconds: number | undefined
}

export interface BackupTaken {
  readonly file: string
  readonly kind: 'full' | 'incremental'
  readonly takenAt: string
  readonly revision: number
  /** Revisions, consumers, revoked tokens and names of ended sessions in this file. */
  readonly revisions: number
  readonly consumers: number
  readonly revocations: number
  readonly sessions: number
  readonly removed: readonly string[]
}

/** Takes the next backup: a full one when it is time, else what came since the one before. Throws a `Failure`. */
export async function takeBackup(plan: BackupPlan): Promise<BackupTaken> {
  await makeFolder(plan.folder)
  const backups = await listBackups(plan.folder)
  const lastFull = backups.findLast(({ header }) => header.previous === null)
  const isTimeForFull = lastFull === undefined || Date.now() - Date.parse(lastFull.header.takenAt) >= plan.fullEverySeconds * 1000
  const taken = await take(plan, isTimeForFull ? undefined : backups.at(-1)).catch((error: unknown) => {
    // The store is another one than that of the backup before, such as after a restore.
    if (isTimeForFull || !(error instanceof Failure) || error.reason !== 'config.revision_conflict') throw error
    return take(plan, undefined)
  })
  const removed = plan.keepSeconds === undefined ? [] : await removeOld(await listBackups(plan.folder), Date.now() - plan.keepSeconds * 1000)
  return { ...taken, removed }
}

async function take({ folder, location, key }: BackupPlan, previous: StoredBackup | undefined): Promise<Omit<BackupTaken, 'removed'>> {
  const records = streamAdmin<BackupRecord>(location, '/v1/backup', previous && sinceQuery(previous))
  const begin = await firstRecord(records)
  const header = headerOf(begin, previous?.header.id ?? null, key !== undefined)
  const counted: Counted = { revisions: 0, consumers: 0, revocations: 0, sessions: 0 }
  const file = fileFor(folder, header)
  await writeBackup(file, header, counting(begin, records, counted), key)
  return { file, kind: previous === undefined ? 'full' : 'incremental', takenAt: header.takenAt, revision: header.revision, ...counted }
}

function sinceQuery({ header }: StoredBackup): Record<string, string> {
  return { afterRevision: String(header.revision), afterChange: header.changeId, afterVersion: String(header.credentialVersion) }
}

async function firstRecord(records: AsyncGenerator<BackupRecord>): Promise<BackupBegin> {
  const { value } = await records.next()
  if (value?.kind === 'begin' && value.format === 1) return value
  throw new Failure('the gateway answered with a backup of a format that this version does not know')
}

type Counted = { -readonly [Name in 'revisions' | 'consumers' | 'revocations' | 'sessions']: BackupTaken[Name] }

async function* counting(begin: BackupBegin, records: AsyncIterable<BackupRecord>, counted: Counted): AsyncGenerator<BackupRecord> {
  yield begin
  for await (const record of records) {
    if (record.kind === 'revision') counted.revisions++
    if (record.kind === 'revocation') counted.revocations++
    if (record.kind === 'sessionEnd') counted.sessions++
    if (record.kind === 'consumer' || record.kind === 'consumerGone') counted.consumers++
    yield record
  }
}
