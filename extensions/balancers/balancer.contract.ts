import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Balancer, UpstreamEndpoints } from './balancer.ts'
import { createUpstreamEndpoints, leaveOut, type EndpointFacts } from './endpoints.ts'

/** An endpoint at 127.0.0.1 named `id`; healthy, weight 1, priority 0 unless told otherwise. */
export function endpointFacts(id: string, overrides: Partial<EndpointFacts> = {}): EndpointFacts {
  return { id, url: `http://127.0.0.1:9001/${id}`, weight: 1, priority: 0, zone: '', health: 'healthy', ...overrides }
}

/** How often each endpoint was picked in `times` first attempts. */
export function countPicks(balancer: Balancer, state: UpstreamEndpoints, times: number, nowMs = 0): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let i = 0; i < times; i++) {
    const id = balancer.pick(state, nowMs, undefined)?.id ?? 'none'
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
  })
}
