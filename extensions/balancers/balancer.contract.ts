import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Balancer, UpstreamEndpoints } from './balancer.ts'
import { createUpstreamEndpoints, leaveOut, type EndpointFacts } from './endpoints.ts'

/** An endpoint at 127.0.0.1 named `id`; healthy, weight 1, priority 0 unless told otherwise. */
export function endpointFacts(id: string, overrides: Partial<EndpointFacts> = {}): EndpointFacts {
  return { id, url: `http://127.0.0.1:9001/${id}`, weight: 1, priority: 0, zone: '', health: 'healthy', ...overrides }
}

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** How often each endpoint was picked in `times` first attempts, each with a key of its own. */
export function countPicks(balancer: Balancer, state: UpstreamEndpoints, times: number, nowMs = 0): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let i = 0; i < times; i++) {
    const id = balancer.pick(state, nowMs, undefined, `key-${i}`)?.id ?? 'none'
    counts[id] = (counts[id] ?? 0) + 1
  }
  return counts
}

const up = (id: string, priority = 0) => endpointFacts(id, { priority })
const down = (id: string, priority = 0) => endpointFacts(id, { priority, health: 'unhealthy' })
const leaving = (id: string) => endpointFacts(id, { health: 'draining' })

/** The tests that every balancer passes: who may take an attempt. How it is spread is tested beside each one. */
export function balancerContract(name: string, createBalancer: () => Balancer): void {
  const pickedOf = (...list: EndpointFacts[]) => {
    const state = createUpstreamEndpoints('users', list)
    return Object.keys(countPicks(createBalancer(), state, 200)).sort()
  }

  suite(`balancer ${name}: who may take an attempt`, () => {
    test('every healthy endpoint takes part', () => {
      assert.deepEqual(pickedOf(up('a'), up('b'), up('c')), ['a', 'b', 'c'])
    })

    test('an upstream without endpoints has nothing to send to', () => {
      assert.deepEqual(pickedOf(), ['none'])
    })

    test('an unhealthy endpoint takes nothing while at least half are healthy', () => {
      assert.deepEqual(pickedOf(up('a'), up('b'), down('c'), down('d')), ['a', 'b'])
    })

    test('when less than half are healthy, all that are not drained take part', () => {
      assert.deepEqual(pickedOf(up('a'), down('b'), down('c'), leaving('d')), ['a', 'b', 'c'])
    })

    test('an endpoint that drains or has weight 0 takes nothing, whatever the others do', () => {
      assert.deepEqual(pickedOf(down('a'), leaving('b'), endpointFacts('c', { weight: 0 })), ['a'])
      assert.deepEqual(pickedOf(leaving('b'), endpointFacts('c', { weight: 0 })), ['none'])
    })

    test('a higher priority number serves only while no lower one has a healthy endpoint', () => {
      assert.deepEqual(pickedOf(up('a', 0), up('b', 1)), ['a'])
      assert.deepEqual(pickedOf(down('a', 0), up('b', 1)), ['b'])
      assert.deepEqual(pickedOf(down('a', 0), down('b', 1)), ['a'])
    })

    test('an endpoint left out takes nothing until its time is over', () => {
      const state = createUpstreamEndpoints('users', [up('a'), up('b')])
      leaveOut(state.byId.get('a')!, 5000)
      leaveOut(state.byId.get('a')!, 3000)
      assert.deepEqual(countPicks(createBalancer(), state, 50, 4999), { b: 50 })
      assert.equal(countPicks(createBalancer(), state, 50, 5000)['a']! > 0, true)
    })

    test('an endpoint left out takes nothing in a panic either', () => {
      const state = createUpstreamEndpoints('users', [up('a'), down('b'), down('c')])
      leaveOut(state.byId.get('b')!, 5000)
      assert.deepEqual(Object.keys(countPicks(createBalancer(), state, 50, 1)).sort(), ['a', 'c'])
    })

    test('a full endpoint takes nothing until a request at it has ended, and with all full there is none', () => {
      const state = createUpstreamEndpoints('users', [up('a'), up('b')], undefined, 0, { maxOpen: 2 })
      const [a, b] = [state.byId.get('a')!, state.byId.get('b')!]
      a.open = 2
      assert.deepEqual(countPicks(createBalancer(), state, 50), { b: 50 })
      b.open = 2
      assert.deepEqual(countPicks(createBalancer(), state, 5), { none: 5 })
      a.open = 1
      assert.deepEqual(countPicks(createBalancer(), state, 50), { a: 50 })
    })

    test('a full priority leaves the rest to the next', () => {
      const state = createUpstreamEndpoints('users', [up('a', 0), up('b', 1)], undefined, 0, { maxOpen: 1 })
      state.byId.get('a')!.open = 1
      assert.deepEqual(countPicks(createBalancer(), state, 5), { b: 5 })
    })

    test('the zone of the edge takes everything that it can carry', () => {
      const zoned = (id: string, zone: string, health: EndpointFacts['health'] = 'healthy') => endpointFacts(id, { zone, health })
      const list = (aliveLocally: number) => [...[1, 2, 3, 4, 5, 6].map((index) => zoned(`l${index}`, 'a', index > aliveLocally ? 'unhealthy' : 'healthy')), ...['b', 'c', 'd', 'e'].map((zone) => zoned(`o${zone}`, zone))]
      const localOf = (aliveLocally: number) => {
        const picks = countPicks(createBalancer(), createUpstreamEndpoints('users', list(aliveLocally), undefined, 0, { zone: 'a' }), 2000)
        return Object.entries(picks).reduce((sum, [id, count]) => (id.startsWith('l') ? sum + count : sum), 0) / 2000
      }
      assert.equal(localOf(6), 1)
      assert.equal(localOf(5), 1)
      assert.ok(Math.abs(localOf(3) - 0.7) < 0.04, `${localOf(3)} of what is sent`)
      // Two are too few to be preferred: they take their part like all others.
      assert.ok(Math.abs(localOf(2) - 2 / 6) < 0.04, `${localOf(2)} of what is sent`)
    })

    test('a second attempt goes to any zone', () => {
      const list = ['a', 'a', 'a', 'b'].map((zone, index) => endpointFacts(`${index}`, { zone }))
      const state = createUpstreamEndpoints('users', list, undefined, 0, { zone: 'a' })
      assert.equal(createBalancer().pick(state, 0, new Set(['0', '1', '2']))?.id, '3')
    })

    test('when all of the zone were left out the others serve', () => {
      const list = ['a', 'a', 'a', 'b'].map((zone, index) => endpointFacts(`${index}`, { zone }))
      const state = createUpstreamEndpoints('users', list, undefined, 0, { zone: 'a' })
      for (const id of ['0', '1', '2']) leaveOut(state.byId.get(id)!, 5000)
      assert.deepEqual(countPicks(createBalancer(), state, 20, 1), { 3: 20 })
    })

    test('when all were left out an attempt is made all the same', () => {
      const state = createUpstreamEndpoints('users', [up('a'), up('b')])
      for (const endpoint of state.byId.values()) leaveOut(endpoint, 5000)
      assert.deepEqual(Object.keys(countPicks(createBalancer(), state, 50, 1)).sort(), ['a', 'b'])
    })

    test('a second attempt goes to another endpoint, and to none when there is no other', () => {
      const state = createUpstreamEndpoints('users', [up('a'), up('b')])
      const balancer = createBalancer()
      for (let i = 0; i < 20; i++) assert.equal(balancer.pick(state, 0, new Set(['a']))?.id, 'b')
      assert.equal(balancer.pick(state, 0, new Set(['a', 'b'])), undefined)
    })

    test('a second attempt goes to a healthy endpoint even in a panic', () => {
      const state = createUpstreamEndpoints('users', [up('a'), down('b'), down('c'), down('d')])
      const balancer = createBalancer()
      for (let i = 0; i < 20; i++) assert.equal(balancer.pick(state, 0, new Set(['b']))?.id, 'a')
    })

    test('a second attempt goes to the next priority when the first has no other endpoint', () => {
      const state = createUpstreamEndpoints('users', [up('a', 0), up('b', 1)])
      assert.equal(createBalancer().pick(state, 0, new Set(['a']))?.id, 'b')
    })

    test('an exchange without a key is served all the same', () => {
      const state = createUpstreamEndpoints('users', [up('a'), down('b')])
      assert.equal(createBalancer().pick(state, 0, undefined, undefined)?.id, 'a')
    })

    test('endpoints that come and go are picked and not picked from then on', () => {
      const balancer = createBalancer()
      const first = createUpstreamEndpoints('users', [up('a'), up('b')])
      countPicks(balancer, first, 20)
      const second = createUpstreamEndpoints('users', [up('b'), up('c')], first, 0)
      assert.deepEqual(Object.keys(countPicks(balancer, second, 200, 60_000)).sort(), ['b', 'c'])
    })

    test('picking makes no list of endpoints, with even weights, others, and some in their slow start', () => {
      const ids = Array.from({ length: 100 }, (_, index) => `e${index}`)
      const even = createUpstreamEndpoints('users', ids.map((id, index) => (index % 3 === 2 ? down(id) : up(id))))
      const weighted = createUpstreamEndpoints('orders', ids.map((id, index) => endpointFacts(id, { weight: index + 1 })))
      const slow = createUpstreamEndpoints('products', ids.map((id) => up(id)), createUpstreamEndpoints('products', [up('e0')]), 0)
      const zones = createUpstreamEndpoints('zoned', ids.map((id, index) => endpointFacts(id, { zone: index % 2 === 0 ? 'a' : 'b', health: index % 3 === 0 ? 'unhealthy' : 'healthy' })), undefined, 0, { zone: 'a' })
      const byState = [even, weighted, slow, zones].map((state) => ({ state, balancer: createBalancer() }))
      const pickMany = (times: number) => {
        for (let i = 0; i < times; i++) {
          const { balancer, state } = byState[i & 3]!
          balancer.pick(state, i & 1023, undefined, '203.0.113.7')
        }
      }
      pickMany(3_000)
      // The least of several rounds: what else this process does in between is no matter of the balancer. Some numbers in
      // the heap are the compiler's choice; a list of a hundred endpoints would take more than eight hundred bytes.
      let least = Infinity
      for (let round = 0; round < 400 && least >= 100; round++) {
        const before = process.memoryUsage().heapUsed
        pickMany(3_000)
        const grown = process.memoryUsage().heapUsed - before
        if (grown >= 0) least = Math.min(least, grown / 3_000)
      }
      assert.ok(least < 100, `${least} bytes a pick`)
    })
  })
}
