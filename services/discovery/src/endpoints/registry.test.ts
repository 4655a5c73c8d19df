import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import type { RegisteredInstance } from './registration-input.ts'
import { Registry } from './registry.ts'

const instance = (id: string, overrides: Partial<RegisteredInstance> = {}): RegisteredInstance => ({
  service: 'users', id, url: `http://10.0.0.1:9001/${id}`, weight: 1, zone: '', priority: 0, tags: [], version: '', datacenter: '', healthUrl: '', ...overrides,
})

function setUp() {
  const clock = createFakeClock()
  const changes = { registry: 0, service: 0 }
  const registry = new Registry(clock, () => changes.registry++)
  registry.watch('users', () => changes.service++)
  const passSeconds = (seconds: number, heartbeats: readonly string[] = []) => {
    for (let i = 0; i < seconds; i++) {
      clock.advance(1000)
      if (i % 10 === 9) for (const id of heartbeats) registry.register(instance(id))
      registry.expire()
    }
  }
  const states = () => registry.list('users').map(({ id, down }) => `${id}${down === '' ? '' : ' down'}`)
  return { registry, changes, passSeconds, states }
}

suite('the registry of instances', () => {
  test('a first registration is new, a repeated one a heartbeat that changes nothing', () => {
    const { registry, changes, states } = setUp()
    assert.equal(registry.register(instance('b')), true)
    assert.equal(registry.register(instance('a')), true)
    assert.equal(registry.register(instance('b')), false)
    assert.deepEqual(states(), ['a', 'b'])
    assert.deepEqual(changes, { registry: 2, service: 2 })
  })

  test('a registration with other facts replaces the one before', () => {
    const { registry, changes } = setUp()
    registry.register(instance('a'))
    registry.register(instance('a', { tags: ['v2'] }))
    assert.deepEqual(registry.list('users')[0]!.tags, ['v2'])
    assert.equal(changes.service, 2)
  })

  test('an instance whose heartbeats stay away is down after 30 s and gone after 40 s', () => {
    const { registry, passSeconds, states } = setUp()
    passSeconds(60)
    registry.register(instance('a'))
    registry.register(instance('b'))
    passSeconds(29, ['b'])
    assert.deepEqual(states(), ['a', 'b'])
    passSeconds(1, ['b'])
    assert.deepEqual(states(), ['a down', 'b'])
    passSeconds(10, ['b'])
    assert.deepEqual(states(), ['b'])
    assert.equal(registry.size, 1)
  })

  test('a heartbeat brings an instance that was down back', () => {
    const { registry, passSeconds, states } = setUp()
    registry.register(instance('a'))
    passSeconds(35)
    assert.deepEqual(states(), ['a down'])
    assert.equal(registry.register(instance('a')), false)
    assert.deepEqual(states(), ['a'])
  })

  test('nobody is judged by silence while it may have been ours', () => {
    const { registry, passSeconds, states } = setUp()
    registry.register(instance('a'))
    passSeconds(29)
    registry.suspendJudgement()
    passSeconds(29)
    assert.deepEqual(states(), ['a'])
    passSeconds(1)
    assert.deepEqual(states(), ['a down'])
  })

  test('an instance that deregisters is gone at once', () => {
    const { registry, states } = setUp()
    registry.register(instance('a'))
    assert.equal(registry.deregister('users', 'a'), true)
    assert.equal(registry.deregister('users', 'a'), false)
    assert.deepEqual(states(), [])
  })

  test('who watches another service is not told', () => {
    const { registry } = setUp()
    let told = 0
    const watching = registry.watch('orders', () => told++)
    registry.register(instance('a'))
    registry.register(instance('a', { service: 'orders' }))
    watching.stop()
    registry.deregister('orders', 'a')
    assert.equal(told, 1)
  })

  test('what is saved makes the same registry again', () => {
    const { registry } = setUp()
    registry.register(instance('a', { tags: ['v2'] }))
    registry.register(instance('b', { service: 'orders' }))
    const again = setUp().registry
    for (const saved of registry.save()) again.register(saved)
    assert.deepEqual([again.list('users'), again.list('orders')], [registry.list('users'), registry.list('orders')])
  })

  test('when many of a zone fall silent at once nobody there is taken out, and those of other zones are', () => {
    const { registry, passSeconds } = setUp()
    passSeconds(60)
    for (let index = 0; index < 10; index++) registry.register(instance(`a${index}`, { zone: 'a' }))
    registry.register(instance('b0', { zone: 'b' }))
    passSeconds(300)
    assert.deepEqual([...registry.frozenZones], ['a'])
    assert.deepEqual(registry.list('users').map(({ id, down }) => [id, down]), Array.from({ length: 10 }, (_, index) => [`a${index}`, '']))
    // Most are back: who is still silent is really gone.
    for (let index = 0; index < 8; index++) registry.register(instance(`a${index}`, { zone: 'a' }))
    passSeconds(1)
    assert.deepEqual([...registry.frozenZones], [])
    assert.equal(registry.size, 8)
  })

  test('a few silent ones are taken out, whatever their share', () => {
    const { registry, passSeconds } = setUp()
    passSeconds(60)
    for (let index = 0; index < 4; index++) registry.register(instance(`a${index}`, { zone: 'a' }))
    passSeconds(41)
    assert.equal(registry.size, 0)
  })
})
