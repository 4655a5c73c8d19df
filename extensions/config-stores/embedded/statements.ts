import type { DatabaseSync } from 'node:sqlite'

const RECORD = 'scope, revision, digest, change_id, author, note, origin, file_digest, committed_at_ms'

export type Statements = ReturnType<typeof prepareStatements>

export function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string) => database.prepare(sql)
  return {
    head: prepare(`SELECT ${RECORD} FROM revision WHERE scope = ? ORDER BY revision DESC LIMIT 1`),
    record: prepare(`SELECT ${RECORD} FROM revision WHERE scope = ? AND revision = ?`),
    body: prepare('SELECT body FROM body WHERE scope = ? AND revision = ?'),
    list: prepare(`SELECT ${RECORD} FROM revision WHERE scope = ? AND revision < ? ORDER BY revision DESC LIMIT ?`),
    lastFromFile: prepare(`SELECT ${RECORD} FROM revision WHERE scope = ? AND origin = 'file' ORDER BY revision DESC LIMIT 1`),
    insertRecord: prepare(`INSERT INTO revision (${RECORD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    insertBody: prepare('INSERT INTO body VALUES (?, ?, ?)'),
    insertAudit: prepare('INSERT INTO audit (scope, at_ms, actor, action, outcome) VALUES (?, ?, ?, ?, ?)'),
    trimAudit: prepare('DELETE FROM audit WHERE at_ms < ?'),
    listAudit: prepare('SELECT scope, at_ms, actor, action, outcome FROM audit WHERE scope = ? AND at_ms < ? ORDER BY at_ms DESC, id DESC LIMIT ?'),
    insertEvent: prepare('INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)'),
    trimEvents: prepare('DELETE FROM event WHERE at_ms < ?'),
    trimEventsTo: prepare('DELETE FROM event WHERE scope = ?1 AND at_ms < (SELECT at_ms FROM event WHERE scope = ?1 ORDER BY at_ms DESC LIMIT 1 OFFSET ?2)'),
    listEvents: prepare('SELECT scope, at_ms, key, body FROM event WHERE scope = ? ORDER BY at_ms DESC, key DESC LIMIT ?'),
    saveEdge: prepare('INSERT OR REPLACE INTO edge VALUES (?, ?, ?, ?)'),
    removeEdge: prepare('DELETE FROM edge WHERE scope = ? AND name = ?'),
    trimEdges: prepare('DELETE FROM edge WHERE last_heartbeat_ms < ?'),
    edges: prepare('SELECT name, instance, last_heartbeat_ms FROM edge WHERE scope = ? AND last_heartbeat_ms >= ? ORDER BY name'),
    ping: prepare('SELECT count(*) FROM schema_version'),
  }
}
