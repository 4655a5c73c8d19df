import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { endpointFacts } from './balancer.contract.ts'
import { createUpstreamEndpoints } from './endpoints.ts'

suite('the endpoints of an upstream', () => {
  test('a URL gives origin, base path and Host', () => {
    const state = createUpstreamEndpoints('users', [endpointFacts('a', { url: 'http://users.internal:9001/base/' })])
    const { origin, basePath, hostHeader } = state.byId.get('a')!
    assert.deepEqual([origin, basePath, hostHeader], ['http://users.internal:9001', '/base', 'users.internal:9001'])
  })

  test('an endpoint without a path has an empty base path, and port 80 is left out of Host', () => {
    const { basePath, hostHeader } = createUpstreamEndpoints('users', [endpointFacts('a', { url: 'http://users.internal:80' })]).byId.get('a')!
    assert.deepEqual([basePath, hostHeader], ['', 'users.internal'])
  })

  test('a new state keeps the open requests and the time out of endpoints that stay', () => {
    const before = createUpstreamEndpoints('users', [endpointFacts('a'), endpointFacts('b')])
    Object.assign(before.byId.get('a')!, { open: 3, leftOutUntil: 5000 })
    const after = createUpstreamEndpoints('users', [endpointFacts('a', { health: 'unhealthy', weight: 2 }), endpointFacts('c')], before)
    assert.equal(after.byId.get('a'), before.byId.get('a'))
    assert.partialDeepStrictEqual(after.byId.get('a')!, { open: 3, leftOutUntil: 5000, health: 'unhealthy', weight: 2 })
    assert.deepEqual([...after.byId.keys()], ['a', 'c'])
  })

  test('an endpoint of the same id at another address starts afresh', () => {
    const before = createUpstreamEndpoints('users', [endpointFacts('a')])
    before.byId.get('a')!.open = 3
    const after = createUpstreamEndpoints('users', [endpointFacts('a', { url: 'http://127.0.0.1:9002' })], before)
    assert.equal(after.byId.get('a')!.open, 0)
  })

  test('priorities stand in order, each with what can serve and what is healthy', () => {
    const list = [endpointFacts('z', { priority: 1 }), endpointFacts('a', { health: 'draining' }), endpointFacts('b', { health: 'unhealthy' }), endpointFacts('c', { weight: 3 })]
    const groups = createUpstreamEndpoints('users', list).groups.map(({ priority, usable, healthy, isEven }) => ({ priority, usable, healthy, isEven }))
    assert.deepEqual(groups, [
      { priority: 0, usable: 2, healthy: 1, isEven: false },
      { priority: 1, usable: 1, healthy: 1, isEven: true },
    ])
  })

  test('an endpoint that joins others, or is healthy again, starts slowly; the first ones do not', () => {
    const first = createUpstreamEndpoints('users', [endpointFacts('a'), endpointFacts('b', { health: 'unhealthy' })], undefined, 1000)
    assert.deepEqual([...first.byId.values()].map(({ slowSince }) => slowSince), [-Infinity, -Infinity])
    const second = createUpstreamEndpoints('users', [endpointFacts('a'), endpointFacts('b'), endpointFacts('c')], first, 2000)
    assert.deepEqual([...second.byId.values()].map(({ slowSince }) => slowSince), [-Infinity, 2000, 2000])
    assert.equal(second.groups[0]!.slowUntil, 32_000)
  })

  test('probes that find it healthy again end what passive health held against an endpoint', () => {
    const first = createUpstreamEndpoints('users', [endpointFacts('a', { health: 'unhealthy' })])
    Object.assign(first.byId.get('a')!, { leftOutUntil: 99_000 })
    Object.assign(first.byId.get('a')!.outcomes, { ejections: 3, failuresInARow: 4 })
    const after = createUpstreamEndpoints('users', [endpointFacts('a')], first, 2000).byId.get('a')!
    assert.partialDeepStrictEqual(after, { leftOutUntil: 0, slowSince: 2000, outcomes: { ejections: 0, failuresInARow: 0 } })
  })
})
