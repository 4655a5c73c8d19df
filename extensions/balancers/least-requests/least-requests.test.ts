import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { UpstreamEndpoints } from '../balancer.ts'
import { balancerContract, countPicks, endpointFacts, seededRandom } from '../balancer.contract.ts'
import { createUpstreamEndpoints } from '../endpoints.ts'
import { createBalancer } from './least-requests.ts'

const create = () => createBalancer({ random: seededRandom(7) })

balancerContract('least-requests', create)

/** Each endpoint takes a request and keeps it; how many each has open at the end. */
function openAfter(state: UpstreamEndpoints, requests: number): Record<string, number> {
  const balancer = create()
  for (let i = 0; i < requests; i++) balancer.pick(state, 0, undefined)!.open++
  return Object.fromEntries([...state.byId.values()].map(({ id, open }) => [id, open]))
}

suite('balancer least-requests: how attempts are spread', () => {
  const of = (weights: Record<string, number>) => createUpstreamEndpoints('users', Object.entries(weights).map(([id, weight]) => endpointFacts(id, { weight })))

  test('of two endpoints the one with fewer open requests takes the next', () => {
    const state = of({ a: 1, b: 1 })
    state.byId.get('a')!.open = 1
    assert.deepEqual(countPicks(create(), state, 100), { b: 100 })
  })

  test('open requests stay level, far nearer than chance would keep them', () => {
    const open = Object.values(openAfter(of(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`e${index}`, 1]))), 20_000))
    assert.ok(Math.max(...open) - Math.min(...open) <= 10, open.join(' '))
  })

  test('an endpoint that answers slowly is sent less', () => {
    const state = of({ slow: 1, fast: 1, quick: 1 })
    const balancer = create()
    const counts: Record<string, number> = { slow: 0, fast: 0, quick: 0 }
    for (let i = 0; i < 3000; i++) {
      const endpoint = balancer.pick(state, 0, undefined)!
      endpoint.open++
      counts[endpoint.id]!++
      for (const other of state.byId.values()) if (other.open > 0 && (other.id !== 'slow' || i % 10 === 0)) other.open--
    }
    assert.ok(counts['slow']! < counts['fast']! / 2, JSON.stringify(counts))
  })

  test('weights hold when nothing is open, and when much is', () => {
    const idle = countPicks(create(), of({ a: 3, b: 1 }), 10_000)
    assert.ok(Math.abs(idle['a']! - 7500) < 200, JSON.stringify(idle))
    const busy = openAfter(of({ a: 3, b: 1 }), 4000)
    assert.ok(Math.abs(busy['a']! - 3000) < 20, JSON.stringify(busy))
  })

  test('one heavy endpoint among many light ones takes its share', () => {
    const weights = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`e${index}`, index === 0 ? 1000 : 1]))
    const busy = openAfter(of(weights), 10_000)
    assert.ok(busy['e0']! > 9000, JSON.stringify(busy))
  })

  test('an endpoint that joined takes less than its share at first', () => {
    const before = createUpstreamEndpoints('users', [endpointFacts('a')])
    const state = createUpstreamEndpoints('users', [endpointFacts('a'), endpointFacts('b')], before, 1000)
    const share = (seconds: number) => countPicks(create(), state, 10_000, 1000 + seconds * 1000)['b']! / 10_000
    assert.ok(Math.abs(share(0) - 0.09) < 0.02, String(share(0)))
    assert.ok(Math.abs(share(31) - 0.5) < 0.03, String(share(31)))
  })
})
