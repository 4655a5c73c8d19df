import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spanQuery, spanSince, type SpanName } from './spans.ts'

const now = Date.parse('2026-01-05T10:20:30Z')
const told = (name: SpanName) => Object.values(Object.fromEntries(new URLSearchParams(spanQuery(name, now)))).map((text) => text.slice(0, 16))

test('spans are whole hours of UTC, the hour that runs included', () => {
  assert.deepEqual(told('last 24 hours'), ['2026-01-04T11:00', '2026-01-05T11:00'])
  assert.deepEqual(told('today'), ['2026-01-05T00:00', '2026-01-05T11:00'])
  assert.deepEqual(told('this month'), ['2026-01-01T00:00', '2026-01-05T11:00'])
  assert.deepEqual(told('last month'), ['2025-12-01T00:00', '2026-01-01T00:00'])
})

test('a span that goes on keeps its begin', () => {
  const later = new URLSearchParams(spanSince(now, now + 3_600_000))
  assert.deepEqual([later.get('from'), later.get('to')], ['2026-01-05T10:00:00.000Z', '2026-01-05T12:00:00.000Z'])
})
