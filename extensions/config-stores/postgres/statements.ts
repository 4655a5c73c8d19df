
const RECORD = 'scope, revision, digest, change_id, author, note, origin, file_digest, committed_at_ms'

export const statements = {
  head: `SELECT ${RECORD} FROM config_revision WHERE scope = $1 ORDER BY revision DESC LIMIT 1`,
  /** The row of a revision and the head's, as they are at one moment. */
  rowAndHead: `SELECT ${RECORD} FROM config_revision WHERE scope = $1 AND (revision = $2 OR revision = (SELECT max(revision) FROM config_revision WHERE scope = $1)) ORDER BY revision`,
  revision: `SELECT ${RECORD}, body FROM config_revision WHERE scope = $1 AND revision = $2`,
  after: `SELECT ${RECORD} FROM config_revision WHERE scope = $1 AND revision > $2 ORDER BY revision LIMIT $3`,
  before: `SELECT ${RECORD} FROM config_revision WHERE scope = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3`,
  lastFromFile: `SELECT ${RECORD} FROM config_revision WHERE scope = $1 AND origin = 'file' ORDER BY revision DESC LIMIT 1`,
  // Of two writers with one head both may see it as the last; the second waits for the first at the primary key, and adds nothing.
  append: `INSERT INTO config_revision (${RECORD}, body) SELECT $1, $2::bigint, $3, $4, $5, $6, $7, $8, $9::bigint, $10::bytea
    WHERE (SELECT coalesce(max(revision), 0) FROM config_revision WHERE scope = $1) = $2::bigint - 1
    ON CONFLICT (scope, revision) DO NOTHING RETURNING revision`,
  appendAudit: `WITH trimmed AS (DELETE FROM config_audit WHERE at_ms < $1)
    INSERT INTO config_audit (scope, at_ms, actor, action, outcome) VALUES ($2, $3, $4, $5, $6)`,
  listAudit: 'SELECT scope, at_ms, actor, action, outcome FROM config_audit WHERE scope = $1 AND at_ms < $2 ORDER BY at_ms DESC, id DESC LIMIT $3',
  // Both parts see what was there before: of those that go beyond the most, one more stays until the next.
  appendEvent: `WITH old AS (DELETE FROM config_event WHERE at_ms < $1 AND (scope, at_ms, key) <> ($2, $3::bigint, $4)),
    beyond AS (DELETE FROM config_event WHERE scope = $2 AND at_ms >= $1 AND at_ms < (SELECT at_ms FROM config_event WHERE scope = $2 ORDER BY at_ms DESC LIMIT 1 OFFSET $6) AND at_ms <> $3::bigint)
    INSERT INTO config_event VALUES ($2, $3::bigint, $4, $5) ON CONFLICT DO NOTHING`,
  listEvents: 'SELECT scope, at_ms, key, body FROM config_event WHERE scope = $1 ORDER BY at_ms DESC, key DESC LIMIT $2',
  saveEdge: `WITH trimmed AS (DELETE FROM config_edge WHERE last_heartbeat_ms < $1 AND (scope, name) <> ($2, $3))
    INSERT INTO config_edge VALUES ($2, $3, $4, $5)
    ON CONFLICT (scope, name) DO UPDATE SET instance = excluded.instance, last_heartbeat_ms = excluded.last_heartbeat_ms`,
  removeEdge: 'DELETE FROM config_edge WHERE scope = $1 AND name = $2',
  edges: 'SELECT name, instance, last_heartbeat_ms FROM config_edge WHERE scope = $1 AND last_heartbeat_ms >= $2 ORDER BY name',
  isReadOnly: "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS is_read_only",
  ping: "SELECT version FROM schema_version WHERE store = 'config' LIMIT 1",
}
