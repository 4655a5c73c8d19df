import { setTimeout as sleep } from 'node:timers/promises'
import { CALL_TIMEOUT_MS } from '@sluice/databases/answer'
import { wasRefused, type PostgresConnection } from '@sluice/databases/postgres-connection'
import type { Commit, CommitOutcome, RevisionRecord } from '../config-store.ts'
import { recordOf } from '../rows.ts'
import { statements } from './statements.ts'

/**
 * Commits, or tells who was first. An INSERT whose answer got lost may have been done, and may still be on its way: it
 * is sent again under the same id, waits at the primary key for the first one if that still runs, and adds nothing if
 * that was done; then whose change has the number decides. So on until the time of a call is over.
 */
export async function commit(connection: PostgresConnection, commit: Commit): Promise<CommitOutcome> {
  const { body, expectedHead, ...facts } = commit
  const record: RevisionRecord = { ...facts, revision: expectedHead + 1 }
  const deadline = performance.now() + CALL_TIMEOUT_MS
  for (let isInDoubt = false; ; ) {
    try {
      // Asked first: it spares the body of a change that is late, or repeated.
      const before = await decided(connection, record)
      if (before !== undefined) return before
      isInDoubt = true
      return (await append(connection, record, body)) ?? (await lost(connection, record))
    } catch (error) {
      if (!isInDoubt || wasRefused(error) || performance.now() > deadline) throw error
      await sleep(50 + Math.random() * 50)
    }
  }
}

async function append(connection: PostgresConnection, record: RevisionRecord, body: Uint8Array): Promise<CommitOutcome | undefined> {
  const { scope, revision, digest, changeId, author, note, origin, fileDigest, committedAtMs } = record
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const added = await connection.query(statements.append, [scope, revision, digest, changeId, author, note, origin, fileDigest, committedAtMs, bytes])
  return added.length === 1 ? { outcome: 'committed', revision } : undefined
}

/** Undefined while the number is free and may be had. */
async function decided(connection: PostgresConnection, { scope, revision, changeId }: RevisionRecord): Promise<CommitOutcome | undefined> {
  const rows = (await connection.query(statements.rowAndHead, [scope, revision])).map(recordOf)
  if (rows.some((row) => row.revision === revision && row.changeId === changeId)) return { outcome: 'committed', revision }
  const head = rows.at(-1)?.revision ?? 0
  return head === revision - 1 ? undefined : { outcome: 'conflict', head }
}

async function lost(connection: PostgresConnection, record: RevisionRecord): Promise<CommitOutcome> {
  const outcome = await decided(connection, record)
  if (outcome === undefined) throw new Error('the revision was neither added nor taken')
  return outcome
}
