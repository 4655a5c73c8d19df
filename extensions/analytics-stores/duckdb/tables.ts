/**
 * `boot` holds, for each start of an edge, up to which sequence every batch is in; `batch` the batches above that and,
 * until they are trimmed, some below. Together they tell whether a batch is known. `usage_hour` is the ledger.
 */
export const tables = `
  CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY);
  INSERT INTO schema_version VALUES (1) ON CONFLICT DO NOTHING;
  CREATE TABLE IF NOT EXISTS boot (
    scope VARCHAR NOT NULL, edge VARCHAR NOT NULL, boot VARCHAR NOT NULL,
    stored_sequence BIGINT NOT NULL, last_at_ms BIGINT NOT NULL, heard_at_ms BIGINT NOT NULL,
    requests BIGINT NOT NULL, cumulative_requests BIGINT NOT NULL, dropped_events BIGINT NOT NULL,
    PRIMARY KEY (scope, edge, boot)
  );
  CREATE TABLE IF NOT EXISTS batch (
    scope VARCHAR NOT NULL, edge VARCHAR NOT NULL, boot VARCHAR NOT NULL, sequence BIGINT NOT NULL, last_at_ms BIGINT NOT NULL,
    PRIMARY KEY (scope, edge, boot, sequence)
  );
  CREATE TABLE IF NOT EXISTS usage_hour (
    scope VARCHAR NOT NULL, hour_ms BIGINT NOT NULL, consumer VARCHAR NOT NULL, route VARCHAR NOT NULL, status INTEGER NOT NULL, refused BOOLEAN NOT NULL,
    requests BIGINT NOT NULL, bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL,
    PRIMARY KEY (scope, hour_ms, consumer, route, status, refused)
  );
  CREATE TABLE IF NOT EXISTS access_event (
    scope VARCHAR NOT NULL, edge VARCHAR NOT NULL, at_ms BIGINT NOT NULL, request_id VARCHAR NOT NULL, route VARCHAR NOT NULL,
    upstream VARCHAR NOT NULL, endpoint VARCHAR NOT NULL, consumer VARCHAR NOT NULL, method VARCHAR NOT NULL, template VARCHAR NOT NULL,
    status INTEGER NOT NULL, reason VARCHAR NOT NULL, bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL,
    total_ms DOUBLE NOT NULL, gateway_ms DOUBLE NOT NULL, upstream_ms DOUBLE NOT NULL, revision BIGINT NOT NULL
  );
  CREATE TEMP TABLE usage_staged AS SELECT * FROM usage_hour LIMIT 0;
`

/** What this program writes; a file of a later version is refused. */
export const SCHEMA_VERSION = 1
