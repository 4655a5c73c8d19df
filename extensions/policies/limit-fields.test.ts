import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldValues } from './exchange.contract.ts'
import type { LimitStatement } from './exchange.ts'
import { limitFields, retryAfter } from './limit-fields.ts'

const limit = (changes: Partial<LimitStatement>): LimitStatement => ({ name: 'rate-limit', limit: 1000, windowSeconds: 60, burst: 1200, remaining: 12, resetSeconds: 34, outcome: 'admitted', ...changes })

test('a limit is told in the fields of the draft and the older ones', () => {
  assert.deepEqual(limitFields([limit({})]), [
    'RateLimit-Policy', '"rate-limit";q=1000;w=60',
    'RateLimit', '"rate-limit";r=12;t=34',
    'X-RateLimit-Limit', '1200',
    'X-RateLimit-Remaining', '12',
    'X-RateLimit-Reset', '34',
  ])
})

test('of several limits all are listed, and the older fields show the one with least left', () => {
  const fields = limitFields([limit({}), limit({ name: 'per-address', limit: 5, windowSeconds: 1, burst: 5, remaining: 2, resetSeconds: 1 })])
  assert.deepEqual(fieldValues(fields, 'RateLimit-Policy'), ['"rate-limit";q=1000;w=60, "per-address";q=5;w=1'])
  assert.deepEqual(fieldValues(fields, 'RateLimit'), ['"rate-limit";r=12;t=34, "per-address";r=2;t=1'])
  assert.deepEqual(fieldValues(fields, 'X-RateLimit-Limit'), ['5'])
  assert.deepEqual(fieldValues(fields, 'X-RateLimit-Remaining'), ['2'])
})

test('between equals the first is shown', () => {
  assert.deepEqual(fieldValues(limitFields([limit({ burst: 1 }), limit({ burst: 2 })]), 'X-RateLimit-Limit'), ['1'])
})

test('a limit in shadow is told to nobody, though it has least left', () => {
  const shadow = limit({ name: 'tried', remaining: 0, outcome: 'would_refuse', isHidden: true })
  assert.deepEqual(limitFields([shadow]), [])
  assert.deepEqual(limitFields([shadow, limit({}), shadow]), limitFields([limit({})]))
})

test('without a limit there are no fields', () => {
  assert.deepEqual(limitFields([]), [])
})

test('a client is never told to come back too early, nor more than a second late', () => {
  for (const waitMs of [0, 0.2, 1, 999, 1000, 1000.5, 59_000.1]) {
    const seconds = Number(retryAfter(waitMs))
    assert.ok(seconds * 1000 >= waitMs && seconds * 1000 <= waitMs + 1000, String(waitMs))
  }
})
