import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { fetchOnce, freePort, needServer, startNats, startServiceProcess, waitUntil } from '@sluice/testkit'
import { adminToken, upstream } from './control-under-test.ts'
import { SimulatedEdge } from './simulated-edge.ts'

async function startControlProcess(context: TestContext, environment: Record<string, string>) {
  const adminPort = await freePort()
  const main = new URL('../src/main.ts', import.meta.url)
  const running = await startServiceProcess(context, main, { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken, ...environment })
  const call = (method: string, path: string, body?: unknown) =>
    fetchOnce(`http://127.0.0.1:${adminPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${adminToken}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return { ...running, call }
}

async function connect(context: TestContext, url: string) {
  const bus = await (await busNamed('nats').load()).createNatsBus({ urls: [url], name: 'test' })
  context.after(() => bus.drain())
  await waitUntil(() => bus.status === 'connected')
  return bus
}

suite('control as a process', () => {
  test('brings a revision to an edge over NATS with a receipt, and drains on SIGTERM', async (context) => {
    if (needServer(context, 'nats') === undefined) return
    const nats = await startNats()
    context.after(() => nats.stop())
    const bus = await connect(context, nats.url)
    const { child, call, readiness, get } = await startControlProcess(context, { SLUICE_NATS_URL: nats.url })
    await waitUntil(async () => (await readiness()).status === 'ready')
    const edge = await new SimulatedEdge(bus, { name: 'edge-1' }).start()
    context.after(() => edge.stop())
    await waitUntil(() => edge.revision === 1)
    const answer = await call('PUT', '/v1/upstreams/users?wait=all', upstream())
    assert.deepEqual([answer.status, answer.json<{ edges: unknown }>().edges], [201, { acknowledged: 1, expected: 1, missing: [] }])
    assert.deepEqual(edge.document['upstreams'], { users: upstream() })
    assert.match((await get('/metrics')).body, /sluice_control_edges\{state="live"\} 1\n/)
    child.signal('SIGTERM')
    assert.equal((await child.exited).code, 0)
  })

  test('takes changes while NATS is away, and the edges get them when it is back', async (context) => {
    if (needServer(context, 'nats') === undefined) return
    const port = await freePort()
    const { call, readiness } = await startControlProcess(context, { SLUICE_NATS_URL: `nats://127.0.0.1:${port}` })
    await waitUntil(async () => (await readiness()).reasons.join() === 'the bus cannot be reached')
    assert.equal((await call('PUT', '/v1/upstreams/users', upstream())).status, 201)
    const nats = await startNats({ port })
    context.after(() => nats.stop())
    const bus = await connect(context, nats.url)
    const edge = await new SimulatedEdge(bus, { name: 'edge-1' }).start()
    context.after(() => edge.stop())
    await waitUntil(() => edge.revision === 2, { timeoutMs: 15_000 })
    await waitUntil(async () => (await readiness()).status === 'ready')
  })

  test('prints every problem of its settings at once and ends with 1', async (context) => {
    const { child } = await startControlProcess(context, { SLUICE_STORE: 'mysql', SLUICE_LOG_LEVEL: 'loud', SLUICE_ADMIN_ADDRESS: 'nowhere' })
    assert.equal((await child.exited).code, 1)
    for (const problem of [/SLUICE_STORE: .*postgres/, /SLUICE_LOG_LEVEL: /, /SLUICE_ADMIN_ADDRESS: /]) assert.match(child.stderr(), problem)
  })

  test('does not serve its API in clear off this machine, unless it is allowed to', async (context) => {
    const { child } = await startControlProcess(context, { SLUICE_ADMIN_ADDRESS: '0.0.0.0:8001' })
    assert.equal((await child.exited).code, 1)
    assert.match(child.stderr(), /SLUICE_ADMIN_ADDRESS: .*SLUICE_ALLOW_PLAINTEXT=1/)
  })
})
