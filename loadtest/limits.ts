/**
 * `npm run bench:limits [-- --seconds 5 --edges 16 --rate 2000 --limit 1000 --skew 1]`: what limits admit too much and too little, and what
 * a request costs, for each algorithm and mode: measured on edges that share a Redis of this run's own, beside what
 * `sluice simulate limits` predicts.
 */
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { LimiterRules } from '../extensions/policies/policy.ts'
import { startRedis } from '../packages/testkit/src/index.ts'
import { simulateLimit } from '../services/edge/src/quota/limit-simulation.ts'
import { measureLimit } from './limits/measured-limit.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '5' }, edges: { type: 'string', default: '16' }, rate: { type: 'string', default: '2000' }, limit: { type: 'string', default: '1000' }, skew: { type: 'string', default: '1' } },
})
const traffic = { workers: Number(values.edges), ratePerSecond: Number(values.rate), skew: Number(values.skew), seconds: Number(values.seconds), seed: 1 }
const limit = Number(values.limit)
const algorithms = ['token-bucket', 'leaky-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log'] as const
const modes = ['exact', 'auto', 'leased', 'local'] as const

const redis = await startRedis({})
try {
  console.log(`${traffic.workers} edges, ${traffic.ratePerSecond} requests/s of one key for ${traffic.seconds} s, the busiest edge 2^${traffic.skew} times the second; limit ${limit} a second\n`)
  console.log('| algorithm | mode | admitted | one count | over % | under % | predicted over % | predicted under % | messages a request | predicted | CPU µs a request |')
  console.log('|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|')
  for (const algorithm of algorithms) for (const mode of modes) await compare(algorithm, mode)
} finally {
  await redis.stop()
}

async function compare(algorithm: LimiterRules['algorithm'], mode: LimiterRules['mode']): Promise<void> {
  const rules: LimiterRules = { counter: randomUUID(), algorithm, limit, windowSeconds: 1, burst: limit, maxWaitMs: 100, mode, failure: 'local' }
  const predicted = await simulateLimit(rules, traffic)
  const measured = await measureLimit(redis.url, rules, traffic)
  const cells = [measured.overPercent.toFixed(2), measured.underPercent.toFixed(2), predicted.overPercent.toFixed(2), predicted.underPercent.toFixed(2), measured.messagesPerRequest.toFixed(2), predicted.messagesPerRequest.toFixed(2), measured.cpuMicrosPerRequest.toFixed(0)]
  console.log(`| \`${algorithm}\` | ${mode} | ${measured.admitted} | ${measured.ideal} | ${cells.join(' | ')} |${measured.degraded > 0 ? ` ${measured.degraded} decided without Redis` : ''}`)
}
