import type { ConfigStore } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import type { Clock } from '@sluice/service-kit'
import type { Consumers } from '../peers/consumers.ts'
import type { TokenRevocations } from '../peers/token-revocations.ts'
import { withoutValues } from '../revisions/stored-body.ts'
import type { BackupBegin, BackupRecord, BackupRevision } from './backup-records.ts'

export interface BackupParts {
  readonly store: ConfigStore
  readonly scope: string
  readonly consumers: Pick<Consumers, 'all' | 'get' | 'changedSince'>
  readonly tokenRevocations: Pick<TokenRevocations, 'all' | 'allSessions'>
  readonly clock: Clock
}

/** Where the backup before ended; nothing for a full one. */
export interface BackupSince {
  readonly revision: number
  readonly changeId: string
  readonly credentialVersion: number
}

/** Consumers may change while they are read; whoever changes them faster than this is read has no consistent backup. */
const maxRounds = 20

/**
 * The first record of a backup. Throws `config.revision_conflict` when `since` is not of this history, such as after
 * the store was made anew: then a full one is needed. Throws `dependency.store_unreachable`, `dependency.auth_unreachable`.
 */
export async function beginBackup({ store, scope, consumers, clock }: BackupParts, since: BackupSince | undefined): Promise<BackupBegin> {
  // The version first: what changes from here on is in the next backup at the latest.
  const { version: credentialVersion } = await consumers.changedSince(since?.credentialVersion ?? 0)
  const takenAt = new Date(clock.now()).toISOString()
  const head = await store.head(scope)
  const { revision = 0, changeId = '' } = head ?? {}
  if (since !== undefined) await checkHistory(store, scope, since, revision)
  return { kind: 'begin', format: 1, takenAt, afterRevision: since?.revision ?? 0, revision, changeId, credentialVersion }
}

/** All records, beginning with `begin`. What fails on the way fails the whole. */
export async function* backupRecords(parts: BackupParts, begin: BackupBegin, since: BackupSince | undefined): AsyncGenerator<BackupRecord> {
  yield begin
  for (let revision = begin.afterRevision + 1; revision <= begin.revision; revision++) yield await revisionOf(parts, revision)
  yield* consumersOf(parts.consumers, since?.credentialVersion)
  for await (const revocation of parts.tokenRevocations.all()) yield { kind: 'revocation', ...revocation }
  for await (const ended of parts.tokenRevocations.allSessions()) yield { kind: 'sessionEnd', ...ended }
  yield { kind: 'end' }
}

async function checkHistory(store: ConfigStore, scope: string, since: BackupSince, head: number): Promise<void> {
  const there = since.revision === 0 ? undefined : await store.read(scope, since.revision)
  if (since.revision === 0 || there?.changeId === since.changeId) return
  throw new SluiceError('config.revision_conflict', { detail: `Revision ${since.revision} is not the one of the backup before; the history is another one`, extra: { head } })
}

async function revisionOf({ store, scope }: BackupParts, revision: number): Promise<BackupRevision> {
  const stored = await store.read(scope, revision)
  if (stored === undefined) throw new SluiceError('config.not_found', { detail: `There is no revision ${revision}` })
  const { body, scope: _, ...record } = stored
  const stripped = withoutValues(body)
  return { kind: 'revision', record, body: new TextDecoder().decode(stripped ?? body), ...(stripped !== undefined && { valuesLeftOut: true as const }) }
}

/** All of them, or those that changed after a version; then those that changed while the others were read, until none did. */
async function* consumersOf(consumers: BackupParts['consumers'], since: number | undefined): AsyncGenerator<BackupRecord> {
  let found = await consumers.changedSince(since ?? 0)
  if (since === undefined || found.names === undefined) {
    yield { kind: 'allConsumers' }
    for await (const consumer of consumers.all()) yield { kind: 'consumer', consumer }
    found = { names: [], version: found.version }
  }
  for (let round = 0; round < maxRounds; round++) {
    for (const name of found.names ?? []) yield await consumerNow(consumers, name)
    const { version } = found
    found = await consumers.changedSince(version)
    if (found.version === version) return
    if (found.names === undefined) break
  }
  throw new SluiceError('dependency.auth_unreachable', { detail: 'Consumers change faster than they can be read' })
}

async function consumerNow(consumers: BackupParts['consumers'], name: string): Promise<BackupRecord> {
  const { consumer } = await consumers.get(name)
  return consumer === undefined ? { kind: 'consumerGone', name } : { kind: 'consumer', consumer }
}
