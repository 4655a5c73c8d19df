import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { call } from '@sluice/buses/rpc'
import { EdgeReportReplySchema, EdgeReportSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { adminToken, controlToken, makeSurroundings, startControl, upstream } from './control-under-test.ts'

async function openBus(t: TestContext, url: string, token = controlToken) {
  const bus = (await busNamed('control').load()).createControlBus({ urls: [url], token, reconnectWaitMs: 10 })
  t.after(() => bus.drain(500))
  return bus
}

const report = { scope: 'default', edge: 'walled', instance: 'one', zone: '', datacenter: '', version: '1', workers: 1, revision: 2, digest: '', credentialVersion: 0, leaving: false }

test('an edge that reaches nothing but control joins through it, hears of a revision, and is in its receipt', async (t) => {
  const surroundings = await makeSurroundings(t)
  const control = await startControl(t, surroundings)
  const bus = await openBus(t, control.control.adminUrl())
  await waitUntil(() => bus.status === 'connected')
  const say = (revision: number) => call(bus, subjects.edgeReport('default', 'walled'), { request: EdgeReportSchema, reply: EdgeReportReplySchema }, { ...report, revision }, { timeoutMs: 5000 })
  assert.equal((await say(1)).accepted, true)
  bus.subscribe(subjects.configHint('default'), () => void say(2))
  await bus.flush()
  const { edges } = await control.json<{ edges: object }>('PUT', '/v1/upstreams/users?wait=all&timeoutMs=5000', upstream())
  assert.deepEqual(edges, { acknowledged: 1, expected: 1, missing: [] })
})

test('the bus is opened to the token of edges alone, and for nothing but the bus', async (t) => {
  const control = await startControl(t, await makeSurroundings(t))
  const url = control.control.adminUrl()
  const statusOf = (headers: Record<string, string>) => new Promise<number | undefined>((resolve, reject) => {
    const asked = request(`${url}/v1/internal/bus`, { headers: { connection: 'Upgrade', ...headers }, agent: false })
    asked.once('upgrade', ({ statusCode }, socket) => {
      socket.destroy()
      resolve(statusCode)
    })
    asked.once('response', (answer) => resolve(answer.resume().statusCode)).once('error', reject).end()
  })
  const upgrade = 'sluice-bus/1'
  assert.equal(await statusOf({ upgrade, authorization: `Bearer ${controlToken}` }), 101)
  assert.equal(await statusOf({ upgrade }), 401)
  assert.equal(await statusOf({ upgrade, authorization: `Bearer ${controlToken}x` }), 401)
  assert.equal(await statusOf({ upgrade, authorization: `Bearer ${adminToken}` }), 403)
  assert.equal(await statusOf({ upgrade: 'h2c', authorization: `Bearer ${controlToken}` }), 404)
  // Other upgrades are ignored, as curl --http2 sends one with every request.
  assert.equal((await fetchOnce(`${url}/v1/status`, { headers: { connection: 'Upgrade', upgrade: 'h2c', authorization: `Bearer ${adminToken}` } })).status, 200)
})

test('a control that stops lets go of the edges at once', async (t) => {
  const control = await startControl(t, await makeSurroundings(t))
  const bus = await openBus(t, control.control.adminUrl())
  await waitUntil(() => bus.status === 'connected')
  const began = performance.now()
  await control.control.stop({ deadlineMs: 60_000 })
  await waitUntil(() => bus.status === 'disconnected')
  assert.ok(performance.now() - began < 30_000)
})
