import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { discoverySourceContract, instance, ScriptedInstances } from '../discovery-source.contract.ts'
import { createSource } from './registration.ts'
import { schema } from './schema.ts'

discoverySourceContract('registration', (ids) => {
  const instances = new ScriptedInstances()
  const change = (list: readonly string[]) => instances.set(...list.map((id) => instance(id)))
  change(ids)
  return { source: createSource(schema.settings.parse({ service: 'users' }), { instances }), change }
})

suite('discovery source registration: which instances', () => {
  const chosen = (settings: object, ...all: ReturnType<typeof instance>[]) => {
    const instances = new ScriptedInstances()
    instances.set(...all)
    let ids: string[] = []
    createSource(schema.settings.parse({ service: 'users', ...settings }), { instances }).follow((endpoints) => (ids = endpoints.map(({ id }) => id)))
    return ids
  }

  test('only those of the service', () => {
    assert.deepEqual(chosen({}, instance('a'), instance('b', { service: 'orders' })), ['a'])
  })

  test('only those that have all the tags', () => {
    const all = [instance('a', { tags: ['v2', 'eu'] }), instance('b', { tags: ['v2'] }), instance('c')]
    assert.deepEqual(chosen({ tags: ['v2'] }, ...all), ['a', 'b'])
    assert.deepEqual(chosen({ tags: ['eu', 'v2'] }, ...all), ['a'])
  })

  test('only those of the version and the datacenter', () => {
    const all = [instance('a', { version: '2', datacenter: 'd1' }), instance('b', { version: '2', datacenter: 'd2' }), instance('c', { version: '1', datacenter: 'd1' })]
    assert.deepEqual(chosen({ version: '2' }, ...all), ['a', 'b'])
    assert.deepEqual(chosen({ version: '2', datacenter: 'd1' }, ...all), ['a'])
  })

  test('a change that does not concern it is not told', () => {
    const instances = new ScriptedInstances()
    let times = 0
    createSource(schema.settings.parse({ service: 'users', tags: ['v2'] }), { instances }).follow(() => times++)
    instances.set(instance('a'))
    assert.equal(times, 1)
    instances.set(instance('a', { tags: ['v2'] }))
    assert.equal(times, 2)
    instances.set(instance('a', { tags: ['v2'], down: 'no heartbeat' }))
    assert.equal(times, 3)
  })
})
