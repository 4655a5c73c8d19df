import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { EventSample } from './event-sample.ts'
import { finished } from './test/finished.ts'
import { UsageGatherer } from './usage-gatherer.ts'

const hour = Date.UTC(2026, 0, 2, 3)

suite('the usage of a worker', () => {
  test('exchanges are added up by consumer, route, status and refusal', () => {
    const usage = new UsageGatherer(1000)
    usage.add(finished({ bytesIn: 1, bytesOut: 10 }), hour)
    usage.add(finished({ bytesIn: 2, bytesOut: 20 }), hour + 5)
    usage.add(finished({ status: 499 }), hour + 6)
    usage.add(finished({ status: 429, refused: true }), hour + 7)
    usage.add(finished({ consumer: undefined, route: undefined, status: 404 }), hour + 8)
    const part = usage.collect()!
    assert.deepEqual(part.counts.map(({ consumer, route, status, refused, requests }) => [consumer, route, status, refused, requests]), [
      ['acme', 'get-user', 200, false, 2],
      ['acme', 'get-user', 499, false, 1],
      ['acme', 'get-user', 429, true, 1],
      ['', '', 404, false, 1],
    ])
    assert.partialDeepStrictEqual(part.counts[0]!, { hourMs: hour, bytesIn: 3, bytesOut: 30 })
    assert.deepEqual([part.firstAtMs, part.lastAtMs], [hour, hour + 8])
  })

  test('an exchange counts in the hour in which it ended', () => {
    const usage = new UsageGatherer(1000)
    usage.add(finished(), hour - 1)
    usage.add(finished(), hour)
    usage.add(finished(), hour - 1)
    const sums = new Map<number, number>()
    for (const { hourMs, requests } of usage.collect()!.counts) sums.set(hourMs, (sums.get(hourMs) ?? 0) + requests)
    assert.deepEqual([...sums], [[hour - 3_600_000, 2], [hour, 1]])
  })

  test('what was collected is not told again, and nothing is nothing', () => {
    const usage = new UsageGatherer(1000)
    assert.equal(usage.collect(), undefined)
    usage.add(finished(), hour)
    usage.collect()
    assert.equal(usage.collect(), undefined)
    usage.add(finished(), hour + 1)
    assert.equal(usage.collect()?.counts[0]?.requests, 1)
  })

  test('the part is plain data that a process can send to another', () => {
    const usage = new UsageGatherer(1000)
    usage.add(finished(), hour)
    usage.add(finished({ status: 500 }), hour)
    const part = usage.collect()
    assert.deepEqual(structuredClone(part), part)
  })

  test('an event says what is known of its exchange', () => {
    const usage = new UsageGatherer(1000)
    usage.add(finished({ upstreamMs: undefined, consumer: undefined }), hour)
    assert.deepEqual(usage.collect()!.events[0], {
      atMs: finished().startedAtMs, requestId: finished().requestId, route: 'get-user', upstream: 'users', endpoint: 'http://127.0.0.1:9001', consumer: '', method: 'GET',
      template: '/api/users/{user_id}', status: 200, reason: '', bytesIn: 0, bytesOut: 512, totalMs: 3.25, gatewayMs: 0.25, upstreamMs: 0, revision: 42,
    })
  })

  test('every exchange is either an event or counted as dropped', () => {
    const usage = new UsageGatherer(50)
    for (let i = 0; i < 5000; i++) usage.add(finished({ status: i % 3 === 0 ? 500 : 200 }), hour + i)
    const part = usage.collect()!
    assert.equal(part.events.length + part.droppedEvents, 5000)
  })
})

suite('the sample of events', () => {
  const chosen = (perSecond: number, count: number, status = 200) => {
    const sample = new EventSample(perSecond)
    const counts = [0, 0, 0]
    for (let second = 0; second < 3; second++) for (let i = 0; i < count; i++) if (sample.admits(status, second * 1000 + Math.floor((i * 1000) / count))) counts[second]!++
    return counts
  }

  test('all exchanges are events while there are few', () => {
    assert.deepEqual(chosen(100, 100), [100, 100, 100])
  })

  test('of many, the number a second is bounded', () => {
    assert.deepEqual(chosen(100, 1000), [100, 100, 100])
    assert.deepEqual(chosen(100, 1000, 500), [100, 100, 100])
  })

  test('after the first second the sample is spread over each second', () => {
    const sample = new EventSample(100)
    const admitted: number[] = []
    for (let at = 0; at < 2000; at++) if (sample.admits(200, at) && at >= 1000) admitted.push(at)
    assert.deepEqual(admitted, Array.from({ length: 100 }, (_, index) => 1000 + index * 10))
  })

  test('a flood of good answers pushes out no error, and the other way round', () => {
    const sample = new EventSample(10)
    let errors = 0
    for (let i = 0; i < 1000; i++) {
      sample.admits(200, 0)
      if (i % 100 === 0 && sample.admits(503, 0)) errors++
    }
    assert.equal(errors, 10)
  })
})
