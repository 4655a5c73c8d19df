import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { answer, neverAnswer, startConsul, waitUntil, type ConsulServer } from '@sluice/testkit'
import { discoverySourceContract, follow, RecordedStatus, waitForEndpoints } from '../discovery-source.contract.ts'
import { createSource } from './consul.ts'
import { schema } from './schema.ts'

function sourceAt(consul: ConsulServer, settings: object = {}) {
  const status = new RecordedStatus()
  return { status, source: createSource(schema.settings.parse({ url: consul.upstream.url, service: 'users', ...settings }), { status }) }
}

async function started(t: TestContext, settings: object = {}) {
  const consul = await startConsul(t)
  const { source, status } = sourceAt(consul, settings)
  return { consul, status, open: () => follow(source, t) }
}

const instancesOf = (ids: readonly string[]) => ids.map((id) => ({ id, port: 9000 + id.charCodeAt(0) }))

discoverySourceContract('consul', async (ids, t) => {
  const consul = await startConsul(t)
  consul.set('users', instancesOf(ids))
  return { source: sourceAt(consul).source, change: (list) => consul.set('users', instancesOf(list)) }
})

suite('discovery source consul', () => {
  test('facts of an instance are those of its service, else of its node', async (t) => {
    const { consul, open } = await started(t)
    consul.set('users', [{ id: 'a', port: 9001, tags: ['v2'], meta: { version: '2', zone: 'z1' }, weights: { Passing: 5, Warning: 1 } }, { id: 'b', address: '10.0.0.9', port: 9002 }])
    const told = open()
    await waitForEndpoints(told, ['http://127.0.0.1:9001', 'http://10.0.0.9:9002'], 'url')
    assert.partialDeepStrictEqual(told[0], [{ tags: ['v2'], version: '2', zone: 'z1', weight: 5, datacenter: 'dc1' }, { weight: 1, down: '' }])
  })

  test('a question stays open until something changes, with the index of the answer before', async (t) => {
    const { consul, open } = await started(t)
    consul.set('users', instancesOf(['a']))
    const told = open()
    await waitUntil(() => consul.upstream.requests.length === 2)
    assert.match(consul.upstream.requests[1]!.url, /index=2&wait=55000ms$/)
    consul.set('users', instancesOf(['a', 'b']))
    await waitForEndpoints(told, ['foobar/a', 'foobar/b'])
    assert.ok(consul.upstream.requests.length <= 3)
  })

  test('an index that goes back begins anew, as after a restore of the servers', async (t) => {
    const { consul, open } = await started(t)
    consul.set('users', instancesOf(['a']), 900)
    const told = open()
    await waitUntil(() => consul.upstream.requests.length === 2)
    consul.set('users', instancesOf(['b']), 5)
    await waitForEndpoints(told, ['foobar/b'])
    await waitUntil(() => consul.upstream.requests.length >= 4)
    assert.deepEqual(consul.upstream.requests.slice(1, 4).map(({ url }) => /index=\d+/.exec(url)?.[0]), ['index=900', undefined, 'index=5'])
  })

  test('tags, version and datacenter choose', async (t) => {
    const { consul, open } = await started(t, { tags: ['v2'], version: '2', datacenter: 'dc2' })
    const fitting = { port: 9001, tags: ['v2', 'eu'], meta: { version: '2' }, datacenter: 'dc2' }
    consul.set('users', [{ ...fitting, id: 'a' }, { ...fitting, id: 'b', tags: [] }, { ...fitting, id: 'c', meta: {} }, { ...fitting, id: 'd', datacenter: 'dc1' }])
    await waitForEndpoints(open(), ['foobar/a'])
  })

  test('a critical check makes an instance down, a warning gives it its weight for that', async (t) => {
    const { consul, open } = await started(t)
    consul.set('users', [{ id: 'a', port: 9001, check: 'critical' }, { id: 'b', port: 9002, check: 'warning', weights: { Passing: 10, Warning: 2 } }])
    const told = open()
    await waitForEndpoints(told, ['foobar/a', 'foobar/b'])
    assert.deepEqual(told[0]!.map(({ down, weight }) => [down, weight]), [['its check "Service \'users\' check" is critical in Consul', 1], ['', 2]])
  })

  test('an instance without a port is passed over, and said to be', async (t) => {
    const { consul, status, open } = await started(t)
    consul.set('users', [{ id: 'a', port: 0 }, { id: 'b', port: 9002 }])
    await waitForEndpoints(open(), ['foobar/b'])
    assert.equal(status.skips.length, 1)
  })

  test('a token is sent', async (t) => {
    const { consul, open } = await started(t, { token: 'the-token' })
    consul.token = 'the-token'
    consul.set('users', instancesOf(['a']))
    await waitForEndpoints(open(), ['foobar/a'])
  })

  test('an agent that refuses, answers nonsense, hangs or is gone leaves what it said last', async (t) => {
    const { consul, status, open } = await started(t, { waitSeconds: 1 })
    consul.set('users', instancesOf(['a']))
    const told = open()
    await waitForEndpoints(told, ['foobar/a'])
    const failing = async (what: RegExp) => waitUntil(() => what.test(status.failures.at(-1) ?? ''), { timeoutMs: 15_000, what: `${what}, it is ${status.failures.at(-1)}` })
    consul.upstream.doesNext(answer(500, 'No cluster leader'), answer(500, 'No cluster leader'))
    await failing(/answered 500/)
    consul.upstream.doesNext(answer(200, 'nonsense'))
    await failing(/JSON/)
    consul.upstream.doesNext(neverAnswer())
    await failing(/Headers Timeout/)
    await consul.upstream.kill()
    await failing(/ECONNREFUSED/)
    assert.equal(told.length, 1)
    consul.set('users', instancesOf(['a', 'b']))
    await consul.upstream.start()
    await waitForEndpoints(told, ['foobar/a', 'foobar/b'])
  })
})
