import type { DuckDBConnection } from '@duckdb/node-api'
import type { RouteItem, UsageItem } from '../analytics-store.ts'

const HOUR_MS = 3_600_000

export interface Span {
  readonly scope: string
  readonly fromMs: number
  readonly toMs: number
}

/** The span's scope, the start of its first hour and the end of its last. */
function wholeHours({ scope, fromMs, toMs }: Span): [string, bigint, bigint] {
  const from = Math.floor(clampInstant(fromMs) / HOUR_MS) * HOUR_MS
  const to = Math.ceil(clampInstant(toMs) / HOUR_MS) * HOUR_MS
  return [scope, BigInt(from), BigInt(to)]
}

function clampInstant(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), 8.64e15)
}

export async function queryUsage(connection: DuckDBConnection, span: Span): Promise<UsageItem[]> {
  const reader = await connection.runAndReadAll(
    `SELECT consumer,
       coalesce(sum(requests) FILTER (NOT refused), 0)::DOUBLE AS requests, coalesce(sum(requests) FILTER (refused), 0)::DOUBLE AS refused,
       sum(bytes_in)::DOUBLE AS bytes_in, sum(bytes_out)::DOUBLE AS bytes_out
     FROM usage_hour WHERE scope = $1 AND hour_ms >= $2 AND hour_ms < $3 AND consumer <> '' GROUP BY consumer ORDER BY consumer`,
    wholeHours(span),
  )
  return reader.getRowObjectsJS().map((row) => ({
    consumer: String(row.consumer),
    requests: Number(row.requests),
    refused: Number(row.refused),
    bytesIn: Number(row.bytes_in),
    bytesOut: Number(row.bytes_out),
  }))
}

export async function queryTopRoutes(connection: DuckDBConnection, span: Span, limit: number): Promise<RouteItem[]> {
  const reader = await connection.runAndReadAll(
    `WITH top AS (
       SELECT route, sum(requests)::DOUBLE AS requests,
         coalesce(sum(requests) FILTER (status BETWEEN 400 AND 499), 0)::DOUBLE AS client_errors,
         coalesce(sum(requests) FILTER (status >= 500), 0)::DOUBLE AS server_errors,
         sum(bytes_in)::DOUBLE AS bytes_in, sum(bytes_out)::DOUBLE AS bytes_out
       FROM usage_hour WHERE scope = $1 AND hour_ms >= $2 AND hour_ms < $3 AND route <> '' GROUP BY route ORDER BY requests DESC, route LIMIT $4
     ), latency AS (
       SELECT route, quantile_cont(total_ms, 0.5) AS p50, quantile_cont(total_ms, 0.95) AS p95, quantile_cont(total_ms, 0.99) AS p99
       FROM access_event WHERE scope = $1 AND at_ms >= $2 AND at_ms < $3 AND route IN (SELECT route FROM top) GROUP BY route
     )
     SELECT top.*, coalesce(p50, 0) AS p50, coalesce(p95, 0) AS p95, coalesce(p99, 0) AS p99
     FROM top LEFT JOIN latency USING (route) ORDER BY requests DESC, route`,
    [...wholeHours(span), BigInt(Math.max(0, Math.floor(limit)))],
  )
  return reader.getRowObjectsJS().map((row) => ({
    route: String(row.route),
    requests: Number(row.requests),
    clientErrors: Number(row.client_errors),
    serverErrors: Number(row.server_errors),
    p50Ms: Number(row.p50),
    p95Ms: Number(row.p95),
    p99Ms: Number(row.p99),
    bytesIn: Number(row.bytes_in),
    bytesOut: Number(row.bytes_out),
  }))
}

/** As `AnalyticsStore` defines it. */
export async function queryWatermark(connection: DuckDBConnection, scope: string, nowMs: number): Promise<number> {
  const reader = await connection.runAndReadAll(
    `WITH edges AS (
       SELECT edge, last(last_at_ms ORDER BY heard_at_ms, last_at_ms) AS last_at_ms, max(heard_at_ms) AS heard_at_ms FROM boot WHERE scope = $1 GROUP BY edge
     )
     SELECT coalesce(min(last_at_ms) FILTER (heard_at_ms >= $2), max(last_at_ms), 0)::DOUBLE AS watermark FROM edges`,
    [scope, BigInt(nowMs - HOUR_MS)],
  )
  return Number(reader.getRowObjectsJS()[0]?.watermark ?? 0)
}
