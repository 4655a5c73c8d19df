import { types } from 'cassandra-driver'
import type { AuditEntry } from '../config-store.ts'
import type { Connection } from '@sluice/databases/cassandra-connection'

const DAY_MS = 86_400_000
/** The last instant that a Date and a Cassandra timestamp both have. */
const LAST_INSTANT_MS = 8.64e15

export async function appendAudit(connection: Connection, entry: AuditEntry, ttlSeconds: number): Promise<void> {
  const day = dayOf(entry.atMs)
  // The day first: an entry whose day is not listed would never be found.
  await connection.write(`INSERT INTO config_audit_day (scope, day) VALUES (?, ?) USING TTL ${ttlSeconds}`, [entry.scope, day])
  await connection.write(
    `INSERT INTO config_audit (scope, day, at, id, actor, action, outcome) VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ${ttlSeconds}`,
    [entry.scope, day, new Date(entry.atMs), types.TimeUuid.now(), entry.actor, entry.action, entry.outcome],
  )
}

/** Newest first, before `beforeMs`. Reads the days that have entries, at most as many as are kept. */
export async function listAudit(connection: Connection, scope: string, limit: number, beforeMs: number): Promise<AuditEntry[]> {
  const before = Math.min(beforeMs, LAST_INSTANT_MS)
  const days = await connection.readAll('SELECT day FROM config_audit_day WHERE scope = ? AND day <= ?', [scope, dayOf(before)])
  const entries: AuditEntry[] = []
  for (const { day } of days) {
    if (entries.length >= limit) break
    const query = 'SELECT at, actor, action, outcome FROM config_audit WHERE scope = ? AND day = ? AND at < ? LIMIT ?'
    const rows = await connection.readAll(query, [scope, day, new Date(before), limit - entries.length])
    for (const row of rows) entries.push({ scope, atMs: (row.at as Date).getTime(), actor: row.actor, action: row.action, outcome: row.outcome })
  }
  return entries
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}
