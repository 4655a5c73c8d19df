import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Latencies, quantileBetween } from './latencies.ts'

it('quantiles are those of what came in between, within 5 %', () => {
  const latencies = new Latencies()
  for (let ms = 1; ms <= 100; ms++) latencies.add(ms * 50)
  const before = [...latencies.counts]
  for (let ms = 1; ms <= 100; ms++) latencies.add(ms)
  for (const [share, ms] of [[0.5, 50], [0.99, 99]] as const) assert.ok(Math.abs(quantileBetween(before, latencies.counts, share) / ms - 1) < 0.06, `${share}`)
  assert.equal(quantileBetween(latencies.counts, latencies.counts, 0.5), 0)
})
