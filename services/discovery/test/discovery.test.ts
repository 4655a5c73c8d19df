import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { call } from '@sluice/buses/rpc'
import { CircuitOrderReplySchema, CircuitOrderSchema, EndpointHealth } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { answer, startConsul, startUpstream, waitUntil } from '@sluice/testkit'
import { startDiscovery, type DiscoveryUnderTest } from './discovery-harness.ts'

const active = { path: '/health', intervalSeconds: 0.1, timeoutMs: 1000 }

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-discovery-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

suite('discovery: configured endpoints', () => {
  test('a new revision is followed, and the edges are told of its upstreams', async (t) => {
    const discovery = await startDiscovery(t)
    discovery.configure({ users: { endpoints: [{ url: 'http://127.0.0.1:1', weight: 2, zone: 'a' }] } })
    const state = await waitUntil(() => discovery.told.find(({ upstream }) => upstream === 'users'))
    assert.partialDeepStrictEqual(state.endpoints[0]!, { id: 'http://127.0.0.1:1', url: 'http://127.0.0.1:1', weight: 2, zone: 'a', health: EndpointHealth.HEALTHY })
    discovery.configure({ orders: { endpoints: [{ url: 'http://127.0.0.1:2' }] } })
    await waitUntil(() => discovery.told.some(({ upstream }) => upstream === 'orders'))
    assert.deepEqual((await discovery.states()).map(({ upstream }) => upstream), ['orders'])
  })

  test('an endpoint that fails its probes is told as unhealthy with the reason, and as healthy when it is back', async (t) => {
    const upstream = await startUpstream(t, answer(200))
    const discovery = await startDiscovery(t)
    discovery.configure({ users: { endpoints: [{ url: upstream.url }], health: { active } } })
    await waitUntil(() => upstream.requests.some(({ url }) => url === '/health'))
    await upstream.kill()
    const down = await waitUntil(() => discovery.told.find(({ endpoints }) => endpoints[0]?.health === EndpointHealth.UNHEALTHY))
    assert.equal(down.endpoints[0]!.reason, 'the probe failed: ECONNREFUSED')
    await upstream.start()
    await waitUntil(() => discovery.told.at(-1)?.endpoints[0]?.health === EndpointHealth.HEALTHY)
    assert.ok(discovery.told.at(-1)!.version > down.version)
  })

  test('an endpoint whose probing is switched off is believed to work', async (t) => {
    const discovery = await startDiscovery(t)
    const endpoints = [{ url: 'http://127.0.0.1:1' }]
    discovery.configure({ users: { endpoints, health: { active } } })
    await waitUntil(async () => (await discovery.healthOf('users'))[0] === 'http://127.0.0.1:1 UNHEALTHY')
    discovery.configure({ users: { endpoints } })
    await waitUntil(async () => (await discovery.healthOf('users'))[0] === 'http://127.0.0.1:1 HEALTHY')
  })

  test('the URL of an endpoint may be kept in a variable', async (t) => {
    const discovery = await startDiscovery(t)
    discovery.configure({ users: { endpoints: [{ url: 'env:USERS_URL' }] } }, { 'env:USERS_URL': 'http://127.0.0.1:7' })
    await waitUntil(async () => (await discovery.healthOf('users'))[0] === 'http://127.0.0.1:7 HEALTHY')
  })

  test('a revision that cannot be read leaves the one before in force', async (t) => {
    const discovery = await startDiscovery(t)
    discovery.configure({ users: { endpoints: [{ url: 'http://127.0.0.1:1' }] } })
    await waitUntil(async () => (await discovery.states()).length === 1)
    discovery.configure({ users: { endpoints: 'nonsense' } })
    await waitUntil(() => discovery.log.some((line) => line.includes('cannot be read')))
    assert.equal((await discovery.states('users')).length, 1)
  })

  test('more states than one message holds come in several', async (t) => {
    const discovery = await startDiscovery(t)
    const endpoints = Array.from({ length: 4000 }, (_, index) => ({ url: `http://host-${index}.internal:9001/${'x'.repeat(40)}` }))
    discovery.configure({ a: { endpoints }, b: { endpoints }, c: { endpoints } })
    await waitUntil(async () => (await discovery.states()).length === 3)
    assert.deepEqual((await discovery.states()).map(({ upstream, endpoints: list }) => `${upstream} ${list.length}`), ['a 4000', 'b 4000', 'c 4000'])
  })

  test('the health of endpoints is among the metrics', async (t) => {
    const discovery = await startDiscovery(t)
    discovery.configure({ users: { endpoints: [{ url: 'http://127.0.0.1:1' }] } })
    await waitUntil(async () => (await discovery.states()).length === 1)
    const healthy = discovery.metrics.snapshot().find(({ name }) => name === 'sluice_endpoint_healthy')
    assert.deepEqual(healthy?.series.map(({ values, value }) => [...values, value]), [['users', 'http://127.0.0.1:1', 1]])
  })
})

suite('discovery: instances that register', () => {
  const registered = { users: { discovery: { source: 'registration', service: 'users', tags: ['v2'] } } }

  test('an instance that registers is an endpoint, and is none once it has deregistered', async (t) => {
    const discovery = await startDiscovery(t)
    discovery.configure(registered)
    assert.deepEqual(await discovery.register('users-1', { tags: ['v2'] }).then(({ created, heartbeatSeconds }) => [created, heartbeatSeconds]), [true, 10])
    assert.equal((await discovery.register('users-1', { tags: ['v2'] })).created, false)
    await discovery.register('users-2', { tags: ['v1'] })
    await waitUntil(() => discovery.told.at(-1)?.endpoints.some(({ id, url }) => id === 'users-1' && url === 'http://127.0.0.1:9001'))
    assert.deepEqual(await discovery.healthOf('users'), ['users-1 HEALTHY'])
    assert.equal((await discovery.deregister('users-1')).existed, true)
    await waitUntil(async () => (await discovery.healthOf('users')).length === 0)
    assert.equal((await discovery.deregister('users-1')).existed, false)
  })

  test('an instance is probed at its health URL', async (t) => {
    const upstream = await startUpstream(t, answer(200))
    const discovery = await startDiscovery(t)
    discovery.configure({ users: { discovery: { source: 'registration', service: 'users' } } })
    await discovery.register('users-1', { port: upstream.port, healthUrl: `${upstream.url}/alive` })
    await waitUntil(() => upstream.requests.some(({ url }) => url === '/alive'))
  })

  test('a registration that makes no sense is refused, with what is wrong', async (t) => {
    const discovery = await startDiscovery(t)
    await assert.rejects(discovery.register('users-1', { healthUrl: 'http://169.254.169.254/' }), { code: 'client.bad_request', message: /healthUrl leads to the registered address/ })
    await assert.rejects(discovery.register('users-1', { scope: 'other' }), { code: 'client.bad_request' })
  })

  test('registrations and upstreams outlast a restart, without control', async (t) => {
    const directory = await temporaryDirectory(t)
    const before = await startDiscovery(t, { directory })
    before.configure(registered)
    await before.register('users-1', { tags: ['v2'] })
    await waitUntil(async () => (await before.healthOf('users')).length === 1)
    const { epochMs } = (await before.states('users'))[0]!
    await before.service.stop({ deadlineMs: 500 })
    const after = await startDiscovery(t, { directory })
    assert.deepEqual(await after.healthOf('users'), ['users-1 HEALTHY'])
    assert.ok((await after.states('users'))[0]!.epochMs > epochMs)
  })

  test('an endpoint that was out is out after a restart, until a probe says otherwise', async (t) => {
    const directory = await temporaryDirectory(t)
    const before = await startDiscovery(t, { directory })
    before.configure({ users: { endpoints: [{ url: 'http://127.0.0.1:1' }], health: { active: { ...active, intervalSeconds: 0.2 } } } })
    await waitUntil(async () => (await before.healthOf('users'))[0] === 'http://127.0.0.1:1 UNHEALTHY')
    await before.service.stop({ deadlineMs: 500 })
    const after = await startDiscovery(t, { directory })
    assert.deepEqual(await after.healthOf('users'), ['http://127.0.0.1:1 UNHEALTHY'])
  })

  test('state files that are damaged are passed over and said so', async (t) => {
    const directory = await temporaryDirectory(t)
    await writeFile(join(directory, 'registrations.json'), '[{"service":')
    await writeFile(join(directory, 'upstreams.json'), '{"upstreams":7}')
    const discovery = await startDiscovery(t, { directory })
    assert.equal(discovery.log.filter((line) => line.includes('is passed over')).length, 2)
    assert.deepEqual(discovery.service.health(), { ready: true, reasons: [] })
  })

  test('another instance of discovery hears of registrations', async (t) => {
    const one = await startDiscovery(t)
    const other = await startDiscovery(t, { bus: one.bus, directory: await temporaryDirectory(t) })
    one.configure(registered)
    await one.register('users-1', { tags: ['v2'] })
    const registrations = () => other.metrics.snapshot().find(({ name }) => name === 'sluice_registrations')?.series[0]?.value
    await waitUntil(() => registrations() === 1)
  })
})

suite('discovery: circuits held by hand', () => {
  const hold = (discovery: DiscoveryUnderTest, upstream: string, held: string) =>
    call(discovery.bus, subjects.circuitOrder('default'), { request: CircuitOrderSchema, reply: CircuitOrderReplySchema }, { scope: 'default', upstream, held }, { timeoutMs: 1000 })

  test('the edges are told, and a restart does not forget it', async (t) => {
    const directory = await temporaryDirectory(t)
    const before = await startDiscovery(t, { directory })
    before.configure({ users: { endpoints: [{ url: 'http://127.0.0.1:1' }] } })
    await waitUntil(async () => (await before.states()).length === 1)
    assert.equal((await hold(before, 'users', 'open')).known, true)
    assert.equal((await hold(before, 'orders', 'open')).known, false)
    await assert.rejects(hold(before, 'users', 'ajar'), { code: 'client.bad_request' })
    await waitUntil(() => before.told.at(-1)?.heldCircuit === 'open')
    await before.service.stop({ deadlineMs: 500 })
    const after = await startDiscovery(t, { directory })
    assert.equal((await after.states('users'))[0]!.heldCircuit, 'open')
    await hold(after, 'users', '')
    await waitUntil(() => after.told.at(-1)?.heldCircuit === '')
  })
})

suite('discovery: sources that are asked over a network', () => {
  const upstreams = (url: string) => ({ users: { discovery: { source: 'consul', url, service: 'users' } } })

  test('before its source has answered nothing is told of an upstream, so that edges keep what they know', async (t) => {
    const discovery = await startDiscovery(t)
    discovery.configure({ ...upstreams('http://127.0.0.1:1'), orders: { endpoints: [{ url: 'http://127.0.0.1:2' }] } })
    await waitUntil(() => discovery.log.some((line) => line.includes('cannot be asked') && line.includes('ECONNREFUSED')))
    await waitUntil(async () => (await discovery.states()).length === 1)
    assert.deepEqual((await discovery.states()).map(({ upstream }) => upstream), ['orders'])
    const up = discovery.metrics.snapshot().find(({ name }) => name === 'sluice_discovery_source_up')
    assert.deepEqual(up?.series.map(({ values, value }) => [...values, value]), [['users', 'consul', 0]])
  })

  test('what a source told last stands after a restart that finds it dead, until it is there again', async (t) => {
    const directory = await temporaryDirectory(t)
    const consul = await startConsul(t)
    consul.set('users', [{ id: 'a', port: 9001 }])
    const before = await startDiscovery(t, { directory })
    before.configure(upstreams(consul.upstream.url))
    await waitUntil(async () => (await before.healthOf('users'))[0] === 'foobar/a HEALTHY')
    await consul.upstream.kill()
    await before.service.stop({ deadlineMs: 500 })
    const after = await startDiscovery(t, { directory })
    assert.deepEqual(await after.healthOf('users'), ['foobar/a HEALTHY'])
    consul.set('users', [{ id: 'a', port: 9001 }, { id: 'b', port: 9002, check: 'critical' }])
    await consul.upstream.start()
    await waitUntil(async () => (await after.healthOf('users')).join() === 'foobar/a HEALTHY,foobar/b UNHEALTHY', { timeoutMs: 15_000 })
  })

  test('a source that is configured differently takes over once it has told its own', async (t) => {
    const [one, other] = [await startConsul(t), await startConsul(t)]
    one.set('users', [{ id: 'a', port: 9001 }])
    other.set('users', [{ id: 'b', port: 9001 }])
    await other.upstream.kill()
    const discovery = await startDiscovery(t)
    discovery.configure(upstreams(one.upstream.url))
    await waitUntil(async () => (await discovery.healthOf('users'))[0] === 'foobar/a HEALTHY')
    discovery.configure(upstreams(other.upstream.url))
    await waitUntil(() => discovery.log.some((line) => line.includes('cannot be asked')))
    assert.deepEqual(await discovery.healthOf('users'), ['foobar/a HEALTHY'])
    await other.upstream.start()
    await waitUntil(async () => (await discovery.healthOf('users')).join() === 'foobar/b HEALTHY', { timeoutMs: 15_000 })
  })
})
