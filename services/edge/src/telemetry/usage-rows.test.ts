import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { AccessEventRow, UsageCountRow, UsagePart } from './usage-part.ts'
import { UsageRows } from './usage-rows.ts'

const count = (overrides: Partial<UsageCountRow> = {}): UsageCountRow => ({ hourMs: 0, consumer: 'acme', route: 'get-user', status: 200, refused: false, requests: 1, bytesIn: 0, bytesOut: 10, ...overrides })
const event = (overrides: Partial<AccessEventRow> = {}): AccessEventRow => ({
  atMs: 1, requestId: 'r', route: 'get-user', upstream: 'users', endpoint: 'e', consumer: 'acme', method: 'GET', template: '/', status: 200, reason: '', bytesIn: 0, bytesOut: 1,
  totalMs: 1, gatewayMs: 1, upstreamMs: 1, revision: 1, ...overrides,
})
const part = (overrides: Partial<UsagePart> = {}): UsagePart => ({ firstAtMs: 5, lastAtMs: 6, counts: [], events: [], droppedEvents: 0, ...overrides })

suite('usage rows', () => {
  test('parts of several workers become one row for each key', () => {
    const rows = new UsageRows()
    rows.add(part({ firstAtMs: 5, lastAtMs: 6, counts: [count(), count({ status: 500 })] }))
    rows.add(part({ firstAtMs: 3, lastAtMs: 9, counts: [count({ requests: 4, bytesIn: 2 }), count({ refused: true })] }))
    assert.deepEqual(rows.counts.map(({ status, refused, requests, bytesOut }) => [status, refused, requests, bytesOut]), [[200, false, 5, 20], [500, false, 1, 10], [200, true, 1, 10]])
    assert.deepEqual([rows.firstAtMs, rows.lastAtMs], [3, 9])
  })

  test('names that a caller made long are cut', () => {
    const rows = new UsageRows()
    rows.add(part({ counts: [count({ consumer: 'c'.repeat(5000) })], events: [event({ requestId: 'r'.repeat(5000) })] }))
    assert.deepEqual([rows.counts[0]!.consumer.length, rows.events[0]!.requestId.length], [256, 256])
  })

  test('numbers that make no sense count as 0, since the store would refuse the batch', () => {
    const rows = new UsageRows()
    rows.add(part({ counts: [count({ bytesIn: -1, bytesOut: NaN }), count({ bytesOut: 2.5 })] }))
    assert.partialDeepStrictEqual(rows.counts[0]!, { requests: 2, bytesIn: 0, bytesOut: 2 })
  })

  test('when nobody takes them, events are dropped and counted, and counts lose their names before they are lost', () => {
    const rows = new UsageRows(10)
    for (let i = 0; i < 100; i++) rows.add(part({ counts: [count({ route: `route-${i}`, consumer: `consumer-${i}` })], events: Array.from({ length: 300 }, () => event()) }))
    assert.equal(rows.counts.reduce((sum, row) => sum + row.requests, 0), 100)
    assert.ok(rows.counts.length <= 21)
    assert.deepEqual(['consumer-5', 'consumer-15', 'consumer-50'].map((name) => rows.counts.find(({ consumer }) => consumer === name)?.route), ['route-5', '', undefined])
    assert.equal(rows.events.length, 20_000)
    assert.equal(rows.droppedEvents, 10_000)
    rows.dropEvents()
    assert.deepEqual([rows.events.length, rows.droppedEvents], [0, 30_000])
  })
})
