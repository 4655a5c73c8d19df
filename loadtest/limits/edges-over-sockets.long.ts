// Rows RL4 and RL8: sixteen edge workers, each a process behind a socket, one much busier than the others, over NATS and one Redis.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { workersOf } from '../../e2e/modes/worker-pids.ts'
import type { LimiterRules } from '../../extensions/policies/policy.ts'
import { missingServer } from '../../packages/testkit/src/index.ts'
import { simulateLimit } from '../../services/edge/src/quota/limit-simulation.ts'
import { type LimitedEdges, type Range, seeLimit, startLimitedEdges } from './edges-over-sockets.ts'

const edgeCount = 16
const traffic = { workers: edgeCount, ratePerSecond: 200, skew: 1.5, seconds: 10, seed: 5 }
const rules = (settings: Pick<LimiterRules, 'algorithm' | 'mode' | 'limit'>): LimiterRules => ({ counter: 'predicted', windowSeconds: 1, burst: settings.limit, maxWaitMs: 0, failure: 'closed', ...settings })

const compared = new Map<string, LimiterRules>([
  ['bucket-exact', rules({ algorithm: 'token-bucket', mode: 'exact', limit: 100 })],
  ['bucket-auto', rules({ algorithm: 'token-bucket', mode: 'auto', limit: 100 })],
  ['bucket-leased-roomy', rules({ algorithm: 'token-bucket', mode: 'leased', limit: 800 })],
  ['bucket-local', rules({ algorithm: 'token-bucket', mode: 'local', limit: 30 })],
  ['window-exact', rules({ algorithm: 'fixed-window', mode: 'exact', limit: 100 })],
  ['log-exact', rules({ algorithm: 'sliding-window-log', mode: 'exact', limit: 100 })],
])

const day = 86_400
const spentLimit = 1500
const spent: LimiterRules = { ...rules({ algorithm: 'token-bucket', mode: 'auto', limit: spentLimit }), windowSeconds: day }
/** What a worker may hold of a limit, unspent, when it ends. */
const chunk = 64

describe('sixteen edge workers behind sockets, over NATS and one Redis', { skip: missingServer('redis') || missingServer('nats'), concurrency: false }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-limits-'))
  let edges: LimitedEdges

  before(async () => {
    edges = await startLimitedEdges(directory, edgeCount, new Map([...compared, ['spent', spent]]))
  })
  after(async () => {
    await edges.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  for (const [name, limit] of compared) {
    test(`clients see what was predicted, within one percentage point: ${name}`, async (t) => {
      const predicted = await simulateLimit(limit, traffic)
      const seen = await seeLimit(edges, name, limit, traffic)
      const told = JSON.stringify({ predicted, seen })
      t.diagnostic(told)
      assert.equal(seen.odd, 0, told)
      assert.equal(seen.requests, predicted.requests)
      assert.ok(distance(predicted.overPercent, seen.overPercent) <= 1, told)
      assert.ok(distance(predicted.underPercent, seen.underPercent) <= 1, told)
      assert.ok(Math.abs(seen.messagesPerRequest - predicted.messagesPerRequest) <= 0.05, told)
    })
  }

  test('workers that are killed take no more with them than their chunks, and never is more admitted than the limit', async (t) => {
    let [admitted, lost, kills] = [0, 0, 0]
    const began = performance.now()
    const send = async (edge: number): Promise<number | undefined> => {
      const status = await edges.ask(edge, '/spent')
      if (status === 200) admitted++
      else if (status === undefined) lost++
      return status
    }
    // Enough for a worker to take chunks, and not enough to spend the limit between two kills.
    for (const edge of [0, 1, 0]) {
      for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 8 }, () => send(edge)))
      const [worker] = await workersOf(edges.edgePids()[edge]!)
      const underWay = Array.from({ length: 8 }, () => send(edge))
      process.kill(worker!, 'SIGKILL')
      kills++
      await Promise.all(underWay)
      while ((await send(edge)) === undefined) await sleep(50)
    }
    // What lies in the other workers comes back to the one count; then every edge says that nothing is left.
    for (let refused = 0; refused < edgeCount; ) {
      refused = 0
      for (let edge = 0; edge < edgeCount; edge++) if ((await send(edge)) === 429) refused++
      await sleep(refused < edgeCount ? 0 : 500)
    }
    const refilled = Math.ceil((spentLimit / (day * 1000)) * (performance.now() - began))
    const told = JSON.stringify({ admitted, lost, kills, refilled })
    t.diagnostic(told)
    assert.ok(admitted <= spentLimit + refilled, told)
    assert.ok(admitted >= spentLimit - kills * chunk - lost, told)
  })
})

/** How far outside the range a value lies; 0 within it. */
function distance(value: number, [low, high]: Range): number {
  return Math.max(0, low - value, value - high)
}
