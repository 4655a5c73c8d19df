import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { createMemoryCounters } from '../../../extensions/counters/memory/memory.ts'
import { fetchOnce, suiteCleanup } from '@sluice/testkit'
import { type EdgeUnderTest, startEdge } from './edge-harness.ts'

describe('edges of several zones and datacenters on one count keep a limit as far as it reaches', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const places = [{ datacenter: 'one', zone: 'a' }, { datacenter: 'one', zone: 'b' }, { datacenter: 'two', zone: 'a' }] as const
  const edges: EdgeUnderTest[] = []

  before(async () => {
    const counters = createMemoryCounters()
    const limited = (scope: string) => ({ name: scope, match: { path: `/${scope}` }, policies: [{ 'rate-limit': { limit: 5, windowSeconds: 36_000, key: 'route', scope } }, { 'fixed-response': {} }] })
    for (const place of places) edges.push(await startEdge(whole, { routes: ['az', 'dc', 'global'].map(limited) }, { ...place, counters }))
  })

  for (const [scope, expected] of [['az', [5, 5, 5]], ['dc', [5, 0, 5]], ['global', [5, 0, 0]]] as const) {
    it(`the scope ${scope}`, async () => {
      const admitted: number[] = []
      for (const edge of edges) {
        let passed = 0
        for (let request = 0; request < 8; request++) if ((await fetchOnce(`${edge.url}/${scope}`)).status === 200) passed++
        admitted.push(passed)
      }
      assert.deepEqual(admitted, expected)
    })
  }
})
