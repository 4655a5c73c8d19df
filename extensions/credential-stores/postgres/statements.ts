export const statements = {
  version: 'SELECT version FROM credential_scope WHERE scope = $1',
  consumer: 'SELECT document FROM credential_consumer WHERE scope = $1 AND name = $2',
  consumers: 'SELECT document FROM credential_consumer WHERE scope = $1 AND name > $2 ORDER BY name LIMIT $3',
  consumersNamed: 'SELECT document FROM credential_consumer WHERE scope = $1 AND name = ANY ($2::text[])',
  owning: `SELECT c.document FROM credential_claim k JOIN credential_consumer c ON c.scope = k.scope AND c.name = k.consumer
    WHERE k.scope = $1 AND k.kind = $2 AND k.id = $3`,
  owners: `SELECT k.kind, k.id, k.consumer FROM credential_claim k JOIN unnest($2::text[], $3::text[]) AS asked (kind, id)
    ON k.kind = asked.kind AND k.id = asked.id WHERE k.scope = $1`,
  // One row for the head alone when nothing came after.
  changes: `SELECT s.version AS head, c.version, c.kind, c.consumer, c.credential_id, c.subjects FROM credential_scope s
    LEFT JOIN credential_change c ON c.scope = s.scope AND c.version > $2 WHERE s.scope = $1 ORDER BY c.version`,
  makeScope: 'INSERT INTO credential_scope VALUES ($1, 0) ON CONFLICT DO NOTHING',
  lockScope: 'SELECT version FROM credential_scope WHERE scope = $1 FOR UPDATE',
  setVersion: 'UPDATE credential_scope SET version = $2 WHERE scope = $1',
  removeClaims: 'DELETE FROM credential_claim k USING unnest($2::text[], $3::text[]) AS gone (kind, id) WHERE k.scope = $1 AND k.kind = gone.kind AND k.id = gone.id',
  saveClaims: `INSERT INTO credential_claim SELECT $1, kind, id, consumer FROM unnest($2::text[], $3::text[], $4::text[]) AS claimed (kind, id, consumer)
    ON CONFLICT (scope, kind, id) DO UPDATE SET consumer = excluded.consumer`,
  revocations: 'SELECT name, before_ms, until_ms FROM credential_revocation WHERE scope = $1 AND name = ANY ($2::text[])',
  revocationsBetween: 'SELECT name, before_ms, until_ms FROM credential_revocation WHERE scope = $1 AND name > $2 AND name < $3 ORDER BY name LIMIT $4',
  saveRevocations: `INSERT INTO credential_revocation SELECT $1, name, before_ms, until_ms FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS saved (name, before_ms, until_ms)
    ON CONFLICT (scope, name) DO UPDATE SET before_ms = excluded.before_ms, until_ms = excluded.until_ms`,
  removeEnded: 'DELETE FROM credential_revocation WHERE scope = $1 AND until_ms <= $2',
  removeConsumers: 'DELETE FROM credential_consumer WHERE scope = $1 AND name = ANY ($2::text[])',
  saveConsumers: `INSERT INTO credential_consumer SELECT $1, name, document FROM unnest($2::text[], $3::text[]) AS saved (name, document)
    ON CONFLICT (scope, name) DO UPDATE SET document = excluded.document`,
  appendChanges: `INSERT INTO credential_change SELECT $1, version, $2, kind, consumer, credential_id, subjects
    FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) AS made (version, kind, consumer, credential_id, subjects)`,
  trimChanges: 'DELETE FROM credential_change WHERE scope = $1 AND version <= $2',
  versionOfWrite: 'SELECT max(version) AS version FROM credential_change WHERE scope = $1 AND write_id = $2',
  // One that is over is taken, one that stands is touched so that its row is answered.
  lease: `INSERT INTO credential_lease AS l VALUES ($1, $2, $3, $4::bigint) ON CONFLICT (scope, name) DO UPDATE SET
    holder = CASE WHEN l.until_ms <= $5::bigint THEN excluded.holder ELSE l.holder END,
    until_ms = CASE WHEN l.until_ms <= $5::bigint THEN excluded.until_ms ELSE l.until_ms END RETURNING holder`,
  removeLeases: 'DELETE FROM credential_lease WHERE until_ms <= $1',
  ping: "SELECT version FROM schema_version WHERE store = 'credentials' LIMIT 1",
}
