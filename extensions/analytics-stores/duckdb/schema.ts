import { z } from 'zod'

const days = z.int().min(1).max(36_500)

export const schema = {
  name: 'duckdb',
  summary: 'One DuckDB file beside one analytics.',
  settings: z.strictObject({
    file: z.string().min(1).describe('The database file; made when missing, with its folder.'),
    eventRetentionDays: days.default(30).describe('Days that single exchanges are kept, for latency and search.'),
    usageRetentionDays: days.default(400).describe('Days that counts by the hour are kept, for billing.'),
    maxEvents: z.int().min(1000).default(5_000_000).describe('Exchanges kept at most; the oldest go first.'),
    trimEverySeconds: z.int().min(1).max(86_400).default(600).describe('Seconds between two looks for what is too old.'),
    maxWaitingBatches: z.int().min(1).default(10_000).describe('Batches that wait to be written at most; further ones are refused, so that their edges keep them.'),
    queryTimeoutMs: z.int().min(1).default(10_000).describe('Milliseconds after which a query is broken off.'),
    memoryLimitMb: z.int().min(64).default(256).describe('Megabytes DuckDB may use for its buffers.'),
    threads: z.int().min(1).max(64).default(1).describe('Threads DuckDB may use.'),
  }),
} as const

export type DuckdbSettings = z.input<typeof schema.settings>
