/** An analytics service on a local bus, over a store that a test chooses. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAnalyticsStore } from '@sluice/analytics-stores'
import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import type { AnalyticsStore } from '@sluice/analytics-stores/analytics-store'
import {
  TopRoutesQuerySchema, TopRoutesReplySchema, UsageBatchReplySchema, UsageBatchSchema, UsageQueryReplySchema, UsageQuerySchema, type TopRoutesReply, type UsageQueryReply,
} from '@sluice/proto/messages/analytics'
import { subjects } from '@sluice/proto/subjects'
import { createLogger, MetricsRegistry, systemClock, type Service } from '@sluice/service-kit'
import type { Cleanup } from '@sluice/testkit'
import { onlyPart } from '../src/parts/part.ts'
import { createAnalytics } from '../src/service.ts'

const scope = 'default'
export const hour = Date.UTC(2026, 0, 2, 3)

export interface AnalyticsUnderTest {
  readonly service: Service
  readonly bus: Bus
  /** Sends one batch of an edge and answers with the stored sequence. */
  send(sequence: number, overrides?: object): Promise<number>
  usage(overrides?: object): Promise<UsageQueryReply>
  topRoutes(overrides?: object): Promise<TopRoutesReply>
  /** How many batches ended so. */
  batches(outcome: string): number | undefined
}

/** A store in a file of its own, which goes with the test. */
export async function openStore(t: Cleanup): Promise<AnalyticsStore> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-analytics-'))
  const store = await openAnalyticsStore('duckdb', { file: join(folder, 'analytics.duckdb') })
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return store
}

export async function startAnalytics(t: Cleanup, store: AnalyticsStore, { bus = undefined as Bus | undefined, part = onlyPart } = {}): Promise<AnalyticsUnderTest> {
  const own = bus === undefined
  bus ??= (await busNamed('local').load()).createLocalBus()
  const metrics = new MetricsRegistry()
  const logger = createLogger('analytics', { destination: { write: () => {} } })
  const service = createAnalytics({ bus, scope, logger, clock: systemClock, metrics, store, part })
  await service.start()
  t.after(async () => {
    await service.stop({ deadlineMs: 500 })
    if (own) await bus.drain(100)
  })
  const span = { scope, fromMs: hour, toMs: hour + 3_600_000 }
  const timeout = { timeoutMs: 10_000 }
  return {
    service,
    bus,
    async send(sequence, overrides = {}) {
      const reply = await call(bus, subjects.usageBatch(scope), { request: UsageBatchSchema, reply: UsageBatchReplySchema }, { ...batchOf(sequence), ...overrides }, timeout)
      return reply.storedSequence
    },
    usage: (overrides = {}) => call(bus, subjects.usageQuery(scope), { request: UsageQuerySchema, reply: UsageQueryReplySchema }, { ...span, ...overrides }, timeout),
    topRoutes: (overrides = {}) => call(bus, subjects.topRoutes(scope), { request: TopRoutesQuerySchema, reply: TopRoutesReplySchema }, { ...span, ...overrides }, timeout),
    batches: (outcome) => metrics.snapshot().find(({ name }) => name === 'sluice_analytics_batches_total')?.series.find(({ values }) => values[0] === outcome)?.value,
  }
}

/** Two requests of acme to get-user, one of them refused. */
function batchOf(sequence: number) {
  const count = { hourMs: hour, consumer: 'acme', route: 'get-user', bytesIn: 1, bytesOut: 10, requests: 1 }
  return {
    scope, edge: 'edge-1', boot: 'boot-1', sequence, firstAtMs: hour, lastAtMs: hour + sequence,
    counts: [{ ...count, status: 200, refused: false }, { ...count, status: 429, refused: true }],
    cumulativeRequests: 2 * sequence,
  }
}
