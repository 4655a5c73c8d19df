import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { balancerContract, countPicks, endpointFacts } from '../balancer.contract.ts'
import { createUpstreamEndpoints } from '../endpoints.ts'
import { createBalancer } from './round-robin.ts'

balancerContract('round-robin', createBalancer)

suite('balancer round-robin: how attempts are spread', () => {
  const order = (weights: Record<string, number>, times: number) => {
    const list = Object.entries(weights).map(([id, weight]) => endpointFacts(id, { weight }))
    const state = createUpstreamEndpoints('users', list)
    return Array.from({ length: times }, () => createBalancer().pick(state, 0, undefined)?.id).join(' ')
  }

  test('endpoints of even weight take turns', () => {
    assert.equal(order({ a: 1, b: 1, c: 1 }, 7), 'a b c a b c a')
  })

  test('a heavier endpoint takes more, interleaved with the others', () => {
    assert.equal(order({ a: 5, b: 1, c: 1 }, 14), 'a a b a c a a a a b a c a a')
  })

  test('weights may be fractions', () => {
    assert.equal(order({ a: 0.5, b: 0.25 }, 6), 'a b a a b a')
  })

  test('when one fails, its share goes evenly to the others', () => {
    const list = ['a', 'b', 'c', 'd', 'e'].map((id) => endpointFacts(id, id === 'c' ? { health: 'unhealthy' } : {}))
    assert.deepEqual(countPicks(createBalancer(), createUpstreamEndpoints('users', list), 400), { a: 100, b: 100, d: 100, e: 100 })
  })

  test('picking allocates nothing', () => {
    const even = createUpstreamEndpoints('users', ['a', 'b', 'c'].map((id) => endpointFacts(id)))
    const weighted = createUpstreamEndpoints('orders', ['a', 'b', 'c'].map((id, index) => endpointFacts(id, { weight: index + 1 })))
    const balancer = createBalancer()
    const pickMany = (times: number) => {
      for (let i = 0; i < times; i++) balancer.pick(i % 2 === 0 ? even : weighted, i, undefined)
    }
    pickMany(50_000)
    const before = process.memoryUsage().heapUsed
    pickMany(200_000)
    const bytesPerPick = (process.memoryUsage().heapUsed - before) / 200_000
    assert.ok(bytesPerPick < 20, `${bytesPerPick} bytes a pick`)
  })
})
