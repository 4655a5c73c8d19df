import type { DuckDBConnection } from '@duckdb/node-api'
import type { AccessEvent, UsageBatch, UsageCount } from '@sluice/proto/messages/analytics'
import { enter, type BootState, type Ledger } from './ledger.ts'

const HOUR_MS = 3_600_000

/**
 * Writes those of `batches` that are new, in one transaction: a batch's counts, its events and the note that it is in
 * are on disk together or not at all, so a batch that is sent again after a crash counts once. Changes `ledger`; when
 * this throws, the transaction has to be rolled back and the ledger to forget.
 */
export async function writeBatches(connection: DuckDBConnection, ledger: Ledger, batches: readonly UsageBatch[], nowMs: number): Promise<void> {
  await connection.run('BEGIN TRANSACTION')
  const boots = new Map<BootState, UsageBatch>()
  const fresh: UsageBatch[] = []
  for (const batch of batches) {
    const state = await ledger.boot(connection, batch)
    if (enter(state, batch)) fresh.push(batch)
    boots.set(state, batch)
  }
  for (const [state, batch] of boots) await writeBoot(connection, state, batch, nowMs)
  await appendNotes(connection, fresh)
  await addUsage(connection, fresh)
  await appendEvents(connection, fresh)
  await connection.run('COMMIT')
}

async function writeBoot(connection: DuckDBConnection, state: BootState, { scope, edge, boot }: UsageBatch, nowMs: number): Promise<void> {
  await connection.run(
    `INSERT INTO boot VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO UPDATE SET
      stored_sequence = excluded.stored_sequence, last_at_ms = excluded.last_at_ms, heard_at_ms = excluded.heard_at_ms,
      requests = excluded.requests, cumulative_requests = excluded.cumulative_requests, dropped_events = excluded.dropped_events`,
    [scope, edge, boot, ...[state.storedSequence, state.lastAtMs, nowMs, state.requests, state.cumulativeRequests, state.droppedEvents].map(BigInt)],
  )
}

async function appendNotes(connection: DuckDBConnection, batches: readonly UsageBatch[]): Promise<void> {
  const appender = await connection.createAppender('batch')
  for (const { scope, edge, boot, sequence, lastAtMs } of batches) {
    for (const text of [scope, edge, boot]) appender.appendVarchar(text)
    for (const number of [sequence, lastAtMs]) appender.appendBigInt(BigInt(number))
    appender.endRow()
  }
  appender.closeSync()
}

/** Rows of one key are summed here first: an upsert takes each key once. */
async function addUsage(connection: DuckDBConnection, batches: readonly UsageBatch[]): Promise<void> {
  const sums = sumUsage(batches)
  if (sums.size === 0) return
  const appender = await connection.createAppender('usage_staged', 'main', 'temp')
  for (const { scope, hourMs, count, requests, bytesIn, bytesOut } of sums.values()) {
    appender.appendVarchar(scope)
    appender.appendBigInt(BigInt(hourMs))
    appender.appendVarchar(count.consumer)
    appender.appendVarchar(count.route)
    appender.appendInteger(count.status)
    appender.appendBoolean(count.refused)
    for (const number of [requests, bytesIn, bytesOut]) appender.appendBigInt(BigInt(number))
    appender.endRow()
  }
  appender.closeSync()
  await connection.run(`INSERT INTO usage_hour SELECT * FROM usage_staged ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out`)
  await connection.run('DELETE FROM usage_staged')
}

interface UsageSum {
  readonly scope: string
  readonly hourMs: number
  readonly count: UsageCount
  requests: number
  bytesIn: number
  bytesOut: number
}

function sumUsage(batches: readonly UsageBatch[]): Map<string, UsageSum> {
  const sums = new Map<string, UsageSum>()
  for (const { scope, counts } of batches) {
    for (const count of counts) {
      const hourMs = Math.floor(count.hourMs / HOUR_MS) * HOUR_MS
      const key = JSON.stringify([scope, hourMs, count.consumer, count.route, count.status, count.refused])
      const sum = sums.get(key) ?? { scope, hourMs, count, requests: 0, bytesIn: 0, bytesOut: 0 }
      sum.requests += count.requests
      sum.bytesIn += count.bytesIn
      sum.bytesOut += count.bytesOut
      sums.set(key, sum)
    }
  }
  return sums
}

async function appendEvents(connection: DuckDBConnection, batches: readonly UsageBatch[]): Promise<void> {
  const appender = await connection.createAppender('access_event')
  const append = (scope: string, edge: string, event: AccessEvent) => {
    appender.appendVarchar(scope)
    appender.appendVarchar(edge)
    appender.appendBigInt(BigInt(Math.round(event.atMs)))
    for (const text of [event.requestId, event.route, event.upstream, event.endpoint, event.consumer, event.method, event.template]) appender.appendVarchar(text)
    appender.appendInteger(event.status)
    appender.appendVarchar(event.reason)
    for (const number of [event.bytesIn, event.bytesOut]) appender.appendBigInt(BigInt(number))
    for (const number of [event.totalMs, event.gatewayMs, event.upstreamMs]) appender.appendDouble(number)
    appender.appendBigInt(BigInt(event.revision))
    appender.endRow()
  }
  for (const { scope, edge, events } of batches) for (const event of events) append(scope, edge, event)
  appender.closeSync()
}
