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

  test('an endpoint that joined takes a share that grows with the seconds, and its whole share after 30 s', () => {
    const before = createUpstreamEndpoints('users', [endpointFacts('a')])
    const state = createUpstreamEndpoints('users', [endpointFacts('a'), endpointFacts('b')], before, 1000)
    const share = (seconds: number) => countPicks(createBalancer(), state, 1000, 1000 + seconds * 1000)['b']! / 1000
    assert.deepEqual([0, 15, 29].map((seconds) => share(seconds).toFixed(2)), ['0.09', '0.33', '0.49'])
    assert.equal(share(30), 0.5)
  })
})
