import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { endpointFacts } from './balancer.contract.ts'
import { createUpstreamEndpoints, type EndpointFacts } from './endpoints.ts'

const endpoints = (zone: string, healthy: number, all: number): EndpointFacts[] =>
  Array.from({ length: all }, (_, index) => endpointFacts(`${zone}${String(index).padStart(3, '0')}`, { zone, health: index < healthy ? 'healthy' : 'unhealthy' }))
const shareOf = (list: EndpointFacts[], previous?: ReturnType<typeof createUpstreamEndpoints>, zone = 'a') => {
  const state = createUpstreamEndpoints('users', list, previous, 0, { zone })
  return { state, share: state.groups[0]?.zones?.localShare }
}

suite('the zone of the edge', () => {
  test('counts with three healthy endpoints of its own and one elsewhere', () => {
    assert.equal(shareOf([...endpoints('a', 3, 3), ...endpoints('b', 3, 3)]).share, 1)
    assert.equal(shareOf([...endpoints('a', 2, 2), ...endpoints('b', 3, 3)]).share, undefined)
    assert.equal(shareOf(endpoints('a', 3, 3)).share, undefined)
    assert.equal(shareOf([...endpoints('a', 3, 3), ...endpoints('b', 3, 3)], undefined, '').share, undefined)
  })

  test('keeps everything while more than seven of ten are healthy, and less with each that fails', () => {
    const others = endpoints('b', 10, 10)
    for (const [healthy, expected] of [[10, 1], [8, 1], [7, 0.98], [5, 0.7], [3, 0.42]] as const) {
      const { share } = shareOf([...endpoints('a', healthy, 10), ...others])
      assert.ok(Math.abs(share! - expected) < 1e-9, `${share} with ${healthy} of 10`)
    }
  })

  test('a share that would change by less than a twentieth stays, unless it becomes whole', () => {
    const others = endpoints('b', 10, 10)
    const before = shareOf([...endpoints('a', 50, 100), ...others])
    assert.ok(Math.abs(shareOf([...endpoints('a', 53, 100), ...others], before.state).share! - 0.7) < 1e-9)
    assert.ok(Math.abs(shareOf([...endpoints('a', 54, 100), ...others], before.state).share! - 0.756) < 1e-9)
    assert.equal(shareOf([...endpoints('a', 72, 100), ...others], shareOf([...endpoints('a', 70, 100), ...others]).state).share, 1)
  })
})
