import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { LimiterRules } from '../../extensions/policies/policy.ts'
import { missingServer, startRedis } from '../../packages/testkit/src/index.ts'
import { simulateLimit } from '../../services/edge/src/quota/limit-simulation.ts'
import { measureLimit } from './measured-limit.ts'

// Ends before a window does: what comes late would begin one more, and a count of few.
const traffic = { workers: 16, ratePerSecond: 1000, skew: 1, seconds: 5.8, seed: 3 }

describe('sixteen edges, one much busier than the others, on one Redis', { skip: missingServer('redis'), concurrency: false }, () => {
  const cases = [
    { algorithm: 'token-bucket', mode: 'exact', limit: 500 },
    { algorithm: 'token-bucket', mode: 'auto', limit: 500 },
    { algorithm: 'token-bucket', mode: 'auto', limit: 4000 },
    { algorithm: 'token-bucket', mode: 'local', limit: 200 },
    { algorithm: 'sliding-window-log', mode: 'exact', limit: 500 },
    { algorithm: 'fixed-window', mode: 'local', limit: 200 },
  ] as const
  for (const { algorithm, mode, limit } of cases) {
    test(`they admit what was predicted, within one percentage point: ${algorithm}, ${mode}, ${limit} a second`, async (t) => {
      const redis = await startRedis({})
      t.after(() => redis.stop())
      const rules: LimiterRules = { counter: randomUUID(), algorithm, limit, windowSeconds: 1, burst: limit, maxWaitMs: 0, mode, failure: 'closed' }
      const predicted = await simulateLimit(rules, traffic)
      const measured = await measureLimit(redis.url, rules, traffic)
      const seen = JSON.stringify({ predicted, measured })
      assert.equal(measured.degraded, 0, seen)
      assert.ok(Math.abs(measured.overPercent - predicted.overPercent) <= 1, seen)
      assert.ok(Math.abs(measured.underPercent - predicted.underPercent) <= 1, seen)
      assert.ok(Math.abs(measured.messagesPerRequest - predicted.messagesPerRequest) <= 0.05, seen)
      // The bound of every mode that counts together: never more than the one count, but for what came in while a question was under way.
      if (mode !== 'local') assert.ok(measured.overPercent <= 0.5, seen)
    })
  }
})
