import type { DuckDBConnection } from '@duckdb/node-api'

const DAY_MS = 86_400_000

export interface Retention {
  readonly eventRetentionDays: number
  readonly usageRetentionDays: number
  readonly maxEvents: number
}

/** How long a silent boot is remembered. An edge keeps what it could not send for hours; this is far above that. */
const BOOT_RETENTION_DAYS = 90

/** Deletes what is too old, or too much. `batch` rows go as soon as their boot's `stored_sequence` speaks for them. */
export async function trim(connection: DuckDBConnection, retention: Retention, nowMs: number): Promise<void> {
  const daysAgo = (days: number) => [BigInt(nowMs - days * DAY_MS)]
  await connection.run('DELETE FROM access_event WHERE at_ms < $1', daysAgo(retention.eventRetentionDays))
  await connection.run('DELETE FROM usage_hour WHERE hour_ms < $1', daysAgo(retention.usageRetentionDays))
  await connection.run('DELETE FROM batch USING boot WHERE batch.scope = boot.scope AND batch.edge = boot.edge AND batch.boot = boot.boot AND batch.sequence <= boot.stored_sequence')
  await connection.run('DELETE FROM batch USING boot WHERE batch.scope = boot.scope AND batch.edge = boot.edge AND batch.boot = boot.boot AND boot.heard_at_ms < $1', daysAgo(BOOT_RETENTION_DAYS))
  await connection.run('DELETE FROM boot WHERE heard_at_ms < $1', daysAgo(BOOT_RETENTION_DAYS))
  await trimToCount(connection, retention.maxEvents)
}

async function trimToCount(connection: DuckDBConnection, maxEvents: number): Promise<void> {
  const reader = await connection.runAndReadAll('SELECT count(*)::DOUBLE FROM access_event')
  const count = Number(reader.getRowsJS()[0]?.[0])
  if (count <= maxEvents) return
  // Those of one millisecond go together, so a few more than the surplus may go.
  await connection.run('DELETE FROM access_event WHERE at_ms <= (SELECT quantile_disc(at_ms, $1::DOUBLE) FROM access_event)', [(count - maxEvents) / count])
}
