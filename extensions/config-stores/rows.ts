/** The rows of the SQL stores, whose columns have the same names, as what the contract answers. */
import type { AuditEntry, KnownEdge, RevisionRecord, StoredEvent } from './config-store.ts'

type Row = Readonly<Record<string, unknown>>

export function recordOf(row: Row): RevisionRecord {
  return {
    scope: String(row.scope),
    revision: Number(row.revision),
    digest: String(row.digest),
    changeId: String(row.change_id),
    author: String(row.author),
    note: String(row.note),
    origin: row.origin as RevisionRecord['origin'],
    fileDigest: String(row.file_digest),
    committedAtMs: Number(row.committed_at_ms),
  }
}

export function auditEntryOf(row: Row): AuditEntry {
  return { scope: String(row.scope), atMs: Number(row.at_ms), actor: String(row.actor), action: String(row.action), outcome: String(row.outcome) }
}

export function eventOf(row: Row): StoredEvent {
  return { scope: String(row.scope), atMs: Number(row.at_ms), key: String(row.key), body: String(row.body) }
}

export function edgeOf(row: Row): KnownEdge {
  return { name: String(row.name), instance: String(row.instance), lastHeartbeatMs: Number(row.last_heartbeat_ms) }
}
