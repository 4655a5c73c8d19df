import type { DatabaseSync } from 'node:sqlite'

export type Statements = ReturnType<typeof prepareStatements>

export function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string) => database.prepare(sql)
  return {
    version: prepare('SELECT max(version) AS version FROM change WHERE scope = ?'),
    consumer: prepare('SELECT document FROM consumer WHERE scope = ? AND name = ?'),
    consumers: prepare('SELECT document FROM consumer WHERE scope = ? AND name > ? ORDER BY name LIMIT ?'),
    saveConsumer: prepare('INSERT OR REPLACE INTO consumer VALUES (?, ?, ?)'),
    removeConsumer: prepare('DELETE FROM consumer WHERE scope = ? AND name = ?'),
    owner: prepare('SELECT consumer FROM claim WHERE scope = ? AND kind = ? AND id = ?'),
    saveClaim: prepare('INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?)'),
    removeClaim: prepare('DELETE FROM claim WHERE scope = ? AND kind = ? AND id = ?'),
    revocation: prepare('SELECT name, before_ms, until_ms FROM revocation WHERE scope = ? AND name = ?'),
    revocations: prepare('SELECT name, before_ms, until_ms FROM revocation WHERE scope = ? AND name > ? AND name < ? ORDER BY name LIMIT ?'),
    saveRevocation: prepare('INSERT OR REPLACE INTO revocation VALUES (?, ?, ?, ?)'),
    removeEnded: prepare('DELETE FROM revocation WHERE scope = ? AND until_ms <= ?'),
    appendChange: prepare('INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)'),
    trimChanges: prepare('DELETE FROM change WHERE scope = ? AND version <= ?'),
    changes: prepare('SELECT version, kind, consumer, credential_id, subjects FROM change WHERE scope = ? AND version > ? ORDER BY version'),
    removeLeases: prepare('DELETE FROM lease WHERE until_ms <= ?'),
    takeLease: prepare('INSERT OR IGNORE INTO lease VALUES (?, ?, ?, ?)'),
    leaseHolder: prepare('SELECT holder FROM lease WHERE scope = ? AND name = ?'),
    ping: prepare('SELECT count(*) FROM schema_version'),
  }
}
