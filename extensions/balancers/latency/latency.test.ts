import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { balancerContract, countPicks, endpointFacts, seededRandom } from '../balancer.contract.ts'
import { createUpstreamEndpoints } from '../endpoints.ts'
import { createBalancer } from './latency.ts'

const create = () => createBalancer({ random: seededRandom(11) })

balancerContract('latency', create)

suite('balancer latency: how attempts are spread', () => {
  const of = (...ids: string[]) => createUpstreamEndpoints('users', ids.map((id) => endpointFacts(id)))

  /** Plays `times` requests one after another, each endpoint answering after its own time; who took how many. */
  const play = (answers: Record<string, { ms: number; ok?: boolean }>, times: number) => {
    const state = of(...Object.keys(answers))
    const balancer = create()
    const counts: Record<string, number> = {}
    for (let i = 0, now = 1000; i < times; i++) {
      const endpoint = balancer.pick(state, now, undefined)!
      const { ms, ok = true } = answers[endpoint.id]!
      now += ms
      counts[endpoint.id] = (counts[endpoint.id] ?? 0) + 1
      balancer.observe!(endpoint, ms, ok, now)
    }
    return counts
  }

  test('the faster of two endpoints takes nearly all', () => {
    const counts = play({ fast: { ms: 5 }, slow: { ms: 50 } }, 2000)
    assert.ok(counts['fast']! > 1900, JSON.stringify(counts))
    assert.ok(counts['slow']! >= 1, 'the slow one was asked at least once')
  })

  test('an endpoint that fails at once does not pass for the fastest', () => {
    const counts = play({ broken: { ms: 1, ok: false }, works: { ms: 50 } }, 1000)
    assert.ok(counts['works']! > 950, JSON.stringify(counts))
  })

  test('a slow answer is believed at once, and forgotten by and by', () => {
    const state = of('a', 'b')
    const balancer = create()
    for (const endpoint of state.byId.values()) balancer.observe!(endpoint, 10, true, 1000)
    balancer.observe!(state.byId.get('a')!, 500, true, 1001)
    assert.deepEqual(countPicks(balancer, state, 100, 1001), { b: 100 })
    for (let now = 2000; now <= 61_000; now += 1000) balancer.observe!(state.byId.get('b')!, 10, true, now)
    assert.deepEqual(countPicks(balancer, state, 100, 61_000), { a: 100 }, 'after a minute of silence it is worth another try')
  })

  test('a fast endpoint with many requests open yields to a slower one that is idle', () => {
    const state = of('fast', 'slow')
    const balancer = create()
    balancer.observe!(state.byId.get('fast')!, 10, true, 1000)
    balancer.observe!(state.byId.get('slow')!, 30, true, 1000)
    state.byId.get('fast')!.open = 5
    assert.deepEqual(countPicks(balancer, state, 50, 1000), { slow: 50 })
  })

  test('one request finds out about an endpoint that nobody knows, not all of them', () => {
    const state = of('known', 'new')
    const balancer = create()
    balancer.observe!(state.byId.get('known')!, 10, true, 1000)
    assert.deepEqual(countPicks(balancer, state, 10, 1000), { new: 10 })
    state.byId.get('new')!.open = 1
    assert.deepEqual(countPicks(balancer, state, 10, 1000), { known: 10 })
  })

  test('a weight of two carries twice the requests at the same latency', () => {
    const state = createUpstreamEndpoints('users', [endpointFacts('a', { weight: 2 }), endpointFacts('b')])
    const balancer = create()
    for (const endpoint of state.byId.values()) balancer.observe!(endpoint, 10, true, 1000)
    for (let i = 0; i < 300; i++) balancer.pick(state, 1000, undefined)!.open++
    assert.ok(Math.abs(state.byId.get('a')!.open - 200) <= 3, String(state.byId.get('a')!.open))
  })
})
