import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LimiterRules } from '@sluice/policies/policy'
import { arrivalsOf, simulateLimit } from './limit-simulation.ts'

const traffic = { workers: 16, ratePerSecond: 2000, skew: 1, seconds: 5, seed: 7 }
const rules: LimiterRules = { counter: 'c', algorithm: 'token-bucket', limit: 1000, windowSeconds: 1, burst: 1000, maxWaitMs: 0, mode: 'exact', failure: 'local' }

test('the same seed gives the same requests, at the rate and with the shares that were asked for', () => {
  const all = [...arrivalsOf({ ...traffic, seconds: 50 })]
  assert.deepEqual([...arrivalsOf({ ...traffic, seconds: 50 })], all)
  assert.ok(Math.abs(all.length - 100_000) < 1500, String(all.length))
  assert.ok(all.every(({ atMs }, index) => index === 0 || atMs >= all[index - 1]!.atMs))
  const first = all.filter(({ worker }) => worker === 0).length
  const second = all.filter(({ worker }) => worker === 1).length
  assert.ok(Math.abs(first / second - 2) < 0.1, `${first} and ${second}`)
  const even = [...arrivalsOf({ ...traffic, skew: 0, seconds: 50 })]
  assert.ok(Math.abs(even.filter(({ worker }) => worker === 15).length - even.length / 16) < 600)
})

for (const algorithm of ['token-bucket', 'leaky-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log'] as const) {
  test(`one count admits what it should, at a message a request: ${algorithm}`, async () => {
    const outcome = await simulateLimit({ ...rules, algorithm }, traffic)
    assert.deepEqual([outcome.overPercent, outcome.underPercent, outcome.messagesPerRequest], [0, 0, 1])
    assert.ok(outcome.ideal > 4000 && outcome.ideal < outcome.requests)
  })
}

test('chunks never admit more, a little less, and ask more seldom', async () => {
  const auto = await simulateLimit({ ...rules, mode: 'auto' }, traffic)
  assert.equal(auto.overPercent, 0)
  assert.ok(auto.underPercent < 5, `${auto.underPercent} %`)
  assert.ok((await simulateLimit({ ...rules, limit: 10_000, burst: 10_000, mode: 'auto' }, traffic)).messagesPerRequest < 0.5)
})

test('workers that count for themselves admit as much more as there is room in each', async () => {
  const local = await simulateLimit({ ...rules, mode: 'local' }, { ...traffic, skew: 0 })
  assert.equal(local.admitted, local.requests, 'none of them gets near the limit')
  assert.ok(local.overPercent > 50 && local.messagesPerRequest === 0)
})
