import { setTimeout as sleep } from 'node:timers/promises'
import { errors } from 'cassandra-driver'
import type { Commit, CommitOutcome, RevisionRecord } from '../config-store.ts'
import { countParts, dropBody, writeBody } from './bodies.ts'
import { CALL_TIMEOUT_MS } from '@sluice/databases/answer'
import type { Connection } from '@sluice/databases/cassandra-connection'
import type { RevisionLog } from './revision-log.ts'

/**
 * Commits, or tells who was first. The body is stored before the log can name it. A conditional write that timed out
 * may have been applied: then the log is asked, at SERIAL, whose change has the revision, and unless it is ours the
 * write is tried again under the same id, until the time of a call is over.
 */
export async function commit(connection: Connection, log: RevisionLog, commit: Commit): Promise<CommitOutcome> {
  const { body, expectedHead, ...facts } = commit
  const record: RevisionRecord = { ...facts, revision: expectedHead + 1 }
  const decided = await decidedAlready(log, record)
  if (decided) return decided
  const epochBefore = await log.epochBefore(record.scope, record.revision)
  if (epochBefore === 'open') return conflict(log, record.scope)
  await writeBody(connection, record, body)
  const fileRevision = record.origin === 'file' ? record.revision : epochBefore
  const isApplied = await appendForSure(log, record, countParts(body), fileRevision)
  if (isApplied) return { outcome: 'committed', revision: record.revision }
  await dropBody(connection, record).catch(() => {}) // left behind, it is only room
  return conflict(log, record.scope)
}

/** Spares the body of a change that is late, or repeated. What is heard here may be old, but is never wrong. */
async function decidedAlready(log: RevisionLog, record: RevisionRecord): Promise<CommitOutcome | undefined> {
  const head = (await log.head(record.scope))?.record.revision ?? 0
  if (head < record.revision) return undefined
  const there = await log.row(record.scope, record.revision)
  if (there === undefined) return undefined
  return there.record.changeId === record.changeId ? { outcome: 'committed', revision: record.revision } : { outcome: 'conflict', head }
}

async function appendForSure(log: RevisionLog, record: RevisionRecord, parts: number, fileRevision: number | undefined): Promise<boolean> {
  const deadline = performance.now() + CALL_TIMEOUT_MS
  for (let isOpen = false; ; ) {
    try {
      if (await log.append(record, parts, fileRevision)) return true
      return await isOurs(log, record)
    } catch (error) {
      if (isMistake(error)) throw error
      // With no node to send to nothing was sent, and nothing is in doubt unless it was before.
      isOpen ||= !(error instanceof errors.NoHostAvailableError)
      if (!isOpen) throw error
      await sleep(20 + Math.random() * 80)
      if (performance.now() > deadline) throw error
      if (await isOurs(log, record).catch(() => false)) return true
    }
  }
}

async function isOurs(log: RevisionLog, { scope, revision, changeId }: RevisionRecord): Promise<boolean> {
  return (await log.row(scope, revision, { serial: true }))?.record.changeId === changeId
}

async function conflict(log: RevisionLog, scope: string): Promise<CommitOutcome> {
  return { outcome: 'conflict', head: (await log.head(scope, { serial: true }))?.record.revision ?? 0 }
}

/** Refused for what it says (protocol v4 §9, codes 0x2000 and above), or never sent: trying again would not help. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError || Number((error as { code?: unknown }).code) >= 0x2000
}
