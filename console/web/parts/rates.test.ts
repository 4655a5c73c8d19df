import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteUsage } from '../api/answers.ts'
import { history, type Look, ratesNow, sumOf, withLook } from './rates.ts'

const counted = (route: string, requests: number, serverErrors = 0): RouteUsage => ({ route, requests, clientErrors: 0, serverErrors, p50Ms: 1, p95Ms: 2, p99Ms: 3, bytesIn: 0, bytesOut: 0 })
const looksAt = (...looks: readonly (readonly [atMs: number, ...items: RouteUsage[]])[]) => looks.reduce<Look[]>((all, [atMs, ...items]) => withLook(all, items, atMs), [])

test('one look says nothing of how fast counts grow', () => {
  const looks = looksAt([0, counted('a', 1000)])
  assert.deepEqual([ratesNow(looks).size, history(looks)], [0, []])
})

test('a rate is over the last ten seconds, by route', () => {
  const looks = looksAt([0, counted('a', 0)], [2000, counted('a', 1000)], [12_000, counted('a', 1100, 50), counted('b', 20)])
  assert.deepEqual(ratesNow(looks).get('a'), { requests: 10, clientErrors: 0, serverErrors: 5 })
  assert.equal(ratesNow(looks).get('b')?.requests, 2)
  assert.deepEqual(sumOf(ratesNow(looks).values()), { requests: 12, clientErrors: 0, serverErrors: 5 })
  assert.deepEqual(history(looks), [{ atMs: 2000, requests: 500 }, { atMs: 12_000, requests: 12 }])
})

test('after a pause the rate is over the pause', () => {
  assert.equal(ratesNow(looksAt([0, counted('a', 0)], [100_000, counted('a', 500)])).get('a')?.requests, 5)
})

test('counts that were started afresh are no negative rate', () => {
  assert.equal(ratesNow(looksAt([0, counted('a', 500)], [1000, counted('a', 3)])).get('a')?.requests, 0)
})

test('looks are let go when they are too old to show', () => {
  const looks = Array.from({ length: 500 }, (_, index) => index * 2000).reduce<Look[]>((all, atMs) => withLook(all, [], atMs), [])
  assert.equal(looks.length, 76)
})
