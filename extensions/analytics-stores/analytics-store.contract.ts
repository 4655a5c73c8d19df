import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { AccessEvent, UsageBatch, UsageCount } from '@sluice/proto/messages/analytics'
import type { AnalyticsStore } from './analytics-store.ts'

export interface AnalyticsStoreHarness {
  open(parts: { clock: { now(): number } }): Promise<AnalyticsStore>
}

export const HOUR_MS = 3_600_000
/** The start of an hour. */
export const START_MS = Date.UTC(2026, 0, 1, 12)

/** The tests every analytics store passes. Each uses a scope of its own, so that all share one store. */
export function testAnalyticsStore(name: string, harness: AnalyticsStoreHarness): void {
  describe(`the ${name} analytics store`, () => {
    let store: AnalyticsStore
    let now = START_MS
    before(async () => {
      store = await harness.open({ clock: { now: () => now } })
    })
    after(() => store.close())
    const given = (): Given => {
      now = START_MS
      return { store, scope: randomUUID(), advance: (ms) => void (now += ms) }
    }
    testLedger(given)
    testUsage(given)
    testRoutes(given)
    testWatermark(given)
    testBadBatches(given)
  })
}

interface Given {
  store: AnalyticsStore
  scope: string
  advance(ms: number): void
}

export function batchOf(scope: string, sequence: number, facts: Partial<UsageBatch> = {}): UsageBatch {
  const firstAtMs = START_MS + (sequence - 1) * 1000
  return {
    $typeName: 'sluice.v1.UsageBatch',
    scope, edge: 'e1', boot: 'b1', sequence, firstAtMs, lastAtMs: firstAtMs + 1000,
    counts: [], events: [], cumulativeRequests: 0, cumulativeDroppedEvents: 0,
    ...facts,
  }
}

export function countOf(facts: Partial<UsageCount> = {}): UsageCount {
  return { $typeName: 'sluice.v1.UsageCount', hourMs: START_MS, consumer: 'acme', route: 'users', status: 200, refused: false, requests: 1, bytesIn: 10, bytesOut: 100, ...facts }
}

export function eventOf(facts: Partial<AccessEvent> = {}): AccessEvent {
  return {
    $typeName: 'sluice.v1.AccessEvent',
    atMs: START_MS, requestId: randomUUID(), route: 'users', upstream: 'users', endpoint: 'http://127.0.0.1:9001', consumer: 'acme', method: 'GET',
    template: '/users/{id}', status: 200, reason: '', bytesIn: 10, bytesOut: 100, totalMs: 12.5, gatewayMs: 0.5, upstreamMs: 12, revision: 3,
    ...facts,
  }
}

async function requestsOf(store: AnalyticsStore, scope: string): Promise<number> {
  const { items } = await store.usage(scope, START_MS, START_MS + HOUR_MS)
  return items.reduce((sum, item) => sum + item.requests, 0)
}

function testLedger(given: () => Given): void {
  test('an empty store has nothing and promises nothing', async () => {
    const { store, scope } = given()
    assert.deepEqual(await store.usage(scope, 0, START_MS), { items: [], watermarkMs: 0 })
    assert.deepEqual(await store.topRoutes(scope, 0, START_MS, 10), { items: [], watermarkMs: 0 })
    assert.equal(await store.storedSequence(scope, 'e1', 'b1'), 0)
  })

  test('a batch that is sent again counts once, in the same call or a later one', async () => {
    const { store, scope } = given()
    const batch = batchOf(scope, 1, { counts: [countOf({ requests: 5 })] })
    await store.append([batch, batch])
    await store.append([batch, batchOf(scope, 2, { counts: [countOf({ requests: 2 })] })])
    await Promise.all([store.append([batch]), store.append([batch])])
    assert.equal(await requestsOf(store, scope), 7)
    assert.equal(await store.storedSequence(scope, 'e1', 'b1'), 2)
  })

  test('batches of another boot, edge or scope are others', async () => {
    const { store, scope } = given()
    const counts = [countOf()]
    await store.append([batchOf(scope, 1, { counts }), batchOf(scope, 1, { counts, boot: 'b2' }), batchOf(scope, 1, { counts, edge: 'e2' }), batchOf(`${scope} two`, 1, { counts })])
    assert.equal(await requestsOf(store, scope), 3)
    assert.equal(await requestsOf(store, `${scope} two`), 1)
  })

  test('the stored sequence stops at a gap and passes it when the gap is filled', async () => {
    const { store, scope } = given()
    const counts = [countOf()]
    await store.append([batchOf(scope, 1, { counts }), batchOf(scope, 3, { counts })])
    await store.append([batchOf(scope, 5, { counts })])
    assert.equal(await store.storedSequence(scope, 'e1', 'b1'), 1)
    await store.append([batchOf(scope, 2, { counts })])
    assert.equal(await store.storedSequence(scope, 'e1', 'b1'), 3)
    await store.append([batchOf(scope, 4, { counts }), batchOf(scope, 5, { counts })])
    assert.equal(await store.storedSequence(scope, 'e1', 'b1'), 5)
    assert.equal(await requestsOf(store, scope), 5)
  })

  test('many appends at once are all stored', async () => {
    const { store, scope } = given()
    const edges = ['e1', 'e2', 'e3', 'e4']
    const appends = edges.flatMap((edge) => Array.from({ length: 50 }, (_, index) => store.append([batchOf(scope, index + 1, { edge, counts: [countOf({ consumer: edge })], events: [eventOf()] })])))
    await Promise.all(appends)
    for (const edge of edges) assert.equal(await store.storedSequence(scope, edge, 'b1'), 50)
    assert.deepEqual((await store.usage(scope, START_MS, START_MS + 1)).items.map((item) => [item.consumer, item.requests]), edges.map((edge) => [edge, 50]))
  })
}

function testUsage(given: () => Given): void {
  test('usage is by consumer: refused requests apart, bytes of both, strangers left out', async () => {
    const { store, scope } = given()
    const counts = [
      countOf({ requests: 3, bytesIn: 30, bytesOut: 300 }),
      countOf({ requests: 2, status: 429, refused: true, bytesIn: 5, bytesOut: 6 }),
      countOf({ requests: 4, status: 500, route: 'orders' }),
      countOf({ consumer: 'zeta', status: 403, refused: true }),
      countOf({ consumer: '', requests: 1000 }),
    ]
    await store.append([batchOf(scope, 1, { counts })])
    const { items } = await store.usage(scope, START_MS, START_MS + HOUR_MS)
    assert.deepEqual(items, [
      { consumer: 'acme', requests: 7, refused: 2, bytesIn: 45, bytesOut: 406 },
      { consumer: 'zeta', requests: 0, refused: 1, bytesIn: 10, bytesOut: 100 },
    ])
  })

  test('a span is widened to whole hours, its end left out', async () => {
    const { store, scope } = given()
    const counts = [0, 1, 2, 3].map((hour) => countOf({ hourMs: START_MS + hour * HOUR_MS, requests: 10 ** hour }))
    await store.append([batchOf(scope, 1, { counts })])
    const requests = async (fromMs: number, toMs: number) => (await store.usage(scope, fromMs, toMs)).items[0]?.requests ?? 0
    assert.equal(await requests(START_MS, START_MS + HOUR_MS), 1)
    assert.equal(await requests(START_MS + HOUR_MS + 1, START_MS + 2 * HOUR_MS + 1), 110)
    assert.equal(await requests(0, Number.MAX_SAFE_INTEGER), 1111)
    assert.equal(await requests(START_MS - HOUR_MS, START_MS), 0)
    assert.equal(await requests(START_MS + HOUR_MS, START_MS), 0)
  })

  test('large sums stay exact', async () => {
    const { store, scope } = given()
    const bytesOut = 2 ** 51
    await store.append([1, 2, 3].map((sequence) => batchOf(scope, sequence, { counts: [countOf({ bytesOut }), countOf({ bytesOut: 1 })] })))
    assert.equal((await store.usage(scope, START_MS, START_MS + 1)).items[0]?.bytesOut, 3 * bytesOut + 3)
  })

  test('a name is kept as it is', async () => {
    const { store, scope } = given()
    const consumer = `o'hara "x" \\ ünï ✓ \u0001`
    await store.append([batchOf(scope, 1, { counts: [countOf({ consumer })] })])
    assert.equal((await store.usage(scope, START_MS, START_MS + 1)).items[0]?.consumer, consumer)
  })
}

function testRoutes(given: () => Given): void {
  test('top routes are counted exactly, with errors and quantiles', async () => {
    const { store, scope } = given()
    const counts = [
      countOf({ requests: 100 }), countOf({ requests: 3, status: 404, consumer: '' }), countOf({ requests: 2, status: 429, refused: true }), countOf({ requests: 1, status: 502 }),
      countOf({ route: 'orders', requests: 200 }), countOf({ route: 'quiet' }), countOf({ route: '', status: 404, requests: 999 }),
    ]
    const events = Array.from({ length: 101 }, (_, index) => eventOf({ totalMs: index }))
    await store.append([batchOf(scope, 1, { counts, events: [...events, eventOf({ atMs: START_MS - HOUR_MS, totalMs: 99_999 })] })])
    const { items } = await store.topRoutes(scope, START_MS, START_MS + HOUR_MS, 2)
    assert.deepEqual(items, [
      { route: 'orders', requests: 200, clientErrors: 0, serverErrors: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, bytesIn: 10, bytesOut: 100 },
      { route: 'users', requests: 106, clientErrors: 5, serverErrors: 1, p50Ms: 50, p95Ms: 95, p99Ms: 99, bytesIn: 40, bytesOut: 400 },
    ])
    assert.deepEqual((await store.topRoutes(scope, START_MS, START_MS + HOUR_MS, 10)).items.map((item) => item.route), ['orders', 'users', 'quiet'])
  })
}

function testWatermark(given: () => Given): void {
  test('the watermark is that of the edge that is behind', async () => {
    const { store, scope } = given()
    await store.append([batchOf(scope, 1, { edge: 'ahead' }), batchOf(scope, 2, { edge: 'ahead' }), batchOf(scope, 1, { edge: 'behind' })])
    const watermark = async () => (await store.usage(scope, 0, START_MS)).watermarkMs
    assert.equal(await watermark(), START_MS + 1000)
    await store.append([batchOf(scope, 3, { edge: 'behind' })])
    assert.equal(await watermark(), START_MS + 1000, 'the second batch is missing')
    await store.append([batchOf(scope, 2, { edge: 'behind' })])
    assert.equal(await watermark(), START_MS + 2000)
    assert.equal((await store.topRoutes(scope, 0, START_MS, 1)).watermarkMs, START_MS + 2000)
  })

  test('an edge that restarted counts from its new boot, and one silent for an hour no more', async () => {
    const { store, scope, advance } = given()
    const watermark = async () => (await store.usage(scope, 0, START_MS)).watermarkMs
    await store.append([batchOf(scope, 1), batchOf(scope, 1, { edge: 'gone' })])
    advance(1000)
    await store.append([batchOf(scope, 1, { boot: 'b2', lastAtMs: START_MS + 90_000 })])
    assert.equal(await watermark(), START_MS + 1000)
    advance(HOUR_MS - 500)
    await store.append([batchOf(scope, 2, { boot: 'b2', lastAtMs: START_MS + HOUR_MS })])
    assert.equal(await watermark(), START_MS + HOUR_MS, 'the other edge is silent for more than an hour')
    advance(2 * HOUR_MS)
    assert.equal(await watermark(), START_MS + HOUR_MS, 'all are silent')
  })
}

function testBadBatches(given: () => Given): void {
  const bad: [string, Partial<UsageBatch>][] = [
    ['no edge', { edge: '' }],
    ['sequence 0', { sequence: 0 }],
    ['half a request', { counts: [countOf({ requests: 0.5 })] }],
    ['a negative count', { counts: [countOf({ requests: -1 })] }],
    ['a count that is no number', { counts: [countOf({ bytesIn: NaN })] }],
    ['an infinite duration', { events: [eventOf({ totalMs: Infinity })] }],
  ]
  for (const [what, facts] of bad) {
    test(`a batch with ${what} is refused, and nothing of its call is stored`, async () => {
      const { store, scope } = given()
      await assert.rejects(store.append([batchOf(scope, 1, { counts: [countOf()] }), batchOf(scope, 2, facts)]), { code: 'client.bad_request' })
      assert.equal(await store.storedSequence(scope, 'e1', 'b1'), 0)
      assert.equal(await requestsOf(store, scope), 0)
    })
  }
}
