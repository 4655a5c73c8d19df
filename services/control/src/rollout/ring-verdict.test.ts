import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ringEdges } from './ring-edges.ts'
import { breachOfGates, type Traffic, trafficSince } from './ring-verdict.ts'

const gates = { serverErrorPercent: 1, p99Factor: 2, minimumRequests: 100 }
const bounds = [0.01, 0.02, 0.05, 0.1]
const traffic = (requests: number, serverErrors = 0, counts = [requests, 0, 0, 0, 0]): Traffic => ({ requests, serverErrors, durationBounds: bounds, durationCounts: counts })

test('a ring that answers with errors more often than the others, by more than is allowed, is stopped', () => {
  assert.equal(breachOfGates([traffic(1000, 10)], [traffic(1000)], gates), undefined)
  assert.equal(breachOfGates([traffic(1000, 11)], [traffic(1000)], gates), '1.1 % of 1000 requests were answered with 500 or more, 0.0 % on the other edges')
  assert.equal(breachOfGates([traffic(500, 60), traffic(500, 50)], [traffic(1000, 100)], gates), undefined, 'the others do badly, too')
})

test('a ring that is slower than the others by more than is allowed is stopped', () => {
  const slow = traffic(1000, 0, [900, 0, 100, 0, 0])
  assert.match(breachOfGates([slow], [traffic(1000)], gates)!, /^99 % of 1000 requests took up to 47 ms, 10 ms on the other edges$/)
  assert.equal(breachOfGates([slow], [slow], gates), undefined)
  assert.match(breachOfGates([traffic(1000, 0, [0, 0, 0, 0, 1000])], [traffic(1000)], gates)!, /up to 100 ms/)
})

test('few requests say nothing, and without others only errors do', () => {
  assert.equal(breachOfGates([traffic(99, 99)], [traffic(1000)], gates), undefined)
  assert.equal(breachOfGates([traffic(1000, 0, [0, 0, 0, 1000, 0])], [], gates), undefined)
  assert.ok(breachOfGates([traffic(1000, 500)], [], gates))
  assert.equal(breachOfGates([], [], gates), undefined)
})

test('what was before does not count, and an edge that started anew counts from there', () => {
  const since = trafficSince(traffic(100, 50), traffic(300, 60))
  assert.deepEqual([since.requests, since.serverErrors, since.durationCounts[0]], [200, 10, 200])
  assert.equal(trafficSince(traffic(100), traffic(30, 2)).serverErrors, 2)
})

test('a ring is always the same edges of the same ones, and those of a smaller one are in a larger one', () => {
  const live = Array.from({ length: 40 }, (_, index) => `edge-${index}`)
  const one = ringEdges(live, { edges: 1 })!
  const tenth = ringEdges(live, { percent: 10 })!
  assert.deepEqual([one.length, tenth.length], [1, 4])
  assert.ok(tenth.includes(one[0]!))
  assert.deepEqual(ringEdges(live.toReversed(), { percent: 10 }), tenth)
  assert.deepEqual([ringEdges(live, { edges: 40 }), ringEdges(['one'], { percent: 1 }), ringEdges([], { edges: 1 })], [undefined, undefined, undefined])
})
