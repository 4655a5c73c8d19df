import assert from 'node:assert/strict'
import { request } from 'node:http'
import { before, beforeEach, it } from 'node:test'
import { afterPromise, answer, fetchOnce, freePort, neverAnswer, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let real: ScriptedUpstream
let shadow: ScriptedUpstream
let deadPort: number

before(async () => {
  ;[real, shadow] = [await startUpstream(whole), await startUpstream(whole)]
  deadPort = await freePort()
  const passive = { health: { passive: false } }
  under = await startEdge(whole, {
    upstreams: { real: { endpoints: [{ url: real.url }] }, shadow: { endpoints: [{ url: `${shadow.url}/base` }], hostHeader: 'shadow.internal', ...passive }, gone: { endpoints: [{ url: `http://127.0.0.1:${deadPort}` }], ...passive } },
    routes: [
      { name: 'all', match: { pathPrefix: '/all' }, upstream: 'real', rewrite: { stripPrefix: '/all' }, mirror: { upstream: 'shadow' } },
      { name: 'small', match: { pathPrefix: '/small' }, upstream: 'real', mirror: { upstream: 'shadow', maxBodyBytes: 1000 } },
      { name: 'some', match: { pathPrefix: '/some' }, upstream: 'real', mirror: { upstream: 'shadow', percent: 20 } },
      { name: 'gone', match: { pathPrefix: '/gone' }, upstream: 'real', mirror: { upstream: 'gone' } },
    ],
  } as never)
})
beforeEach(() => {
  real.does(answer(200, 'real'))
  shadow.does(answer(500, 'shadow'))
  real.requests.length = shadow.requests.length = 0
})

/** Copies so far by outcome, of one route. */
async function outcomes(route: string): Promise<Record<string, number>> {
  const metric = (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_mirrored_requests_total')
  return Object.fromEntries((metric?.series ?? []).filter(({ values }) => values[0] === route).map(({ values, value }) => [values[2]!, value!]))
}

it('a copy is what the upstream is sent, but for where it goes; the client sees nothing of its answer', async () => {
  const response = await fetchOnce(`${under.url}/all/users?x=1`, { headers: { 'x-custom': 'yes' } })
  assert.deepEqual([response.status, response.body], [200, 'real'])
  await waitUntil(() => shadow.requests.length === 1)
  const [original, copy] = [real.requests[0]!, shadow.requests[0]!]
  assert.deepEqual([copy.method, copy.url, copy.headers.host], ['GET', '/base/users?x=1', 'shadow.internal'])
  // Of one trace, each a step of its own.
  const without = ({ host: _, traceparent, ...others }: typeof copy.headers) => ({ ...others, trace: String(traceparent).split('-')[1] })
  assert.deepEqual(without(copy.headers), without(original.headers))
  await waitUntil(async () => (await outcomes('all'))['sent'] === 1)
})

it('a body is copied once it has passed, in pieces as well', async () => {
  await fetchOnce(`${under.url}/all`, { method: 'POST', body: Buffer.alloc(60_000, 'x') })
  await waitUntil(() => shadow.requests.length === 1)
  assert.equal(shadow.requests[0]!.body.length, 60_000)
  const outgoing = request(`${under.url}/all`, { method: 'PUT' })
  const done = new Promise((resolve, reject) => outgoing.on('error', reject).on('response', (response) => response.resume().on('end', resolve)))
  outgoing.write('one ')
  await waitUntil(() => real.requests.length === 2)
  outgoing.end('two')
  await done
  await waitUntil(() => shadow.requests.length === 2)
  assert.equal(shadow.requests[1]!.body.toString(), 'one two')
})

it('a body that is too long is not copied, whether its length was known or not', async () => {
  await fetchOnce(`${under.url}/small`, { method: 'POST', body: Buffer.alloc(1001, 'x') })
  const outgoing = request(`${under.url}/small`, { method: 'POST' })
  const done = new Promise((resolve, reject) => outgoing.on('error', reject).on('response', (response) => response.resume().on('end', resolve)))
  for (let piece = 0; piece < 4; piece++) outgoing.write(Buffer.alloc(300, 'x'))
  outgoing.end()
  await done
  await waitUntil(async () => (await outcomes('small'))['dropped_body'] === 2)
  assert.deepEqual([real.requests.map(({ body }) => body.length), shadow.requests.length], [[1001, 1200], 0])
})

it('a shadow that hangs delays nobody; beyond 128 copies under way the rest is dropped and counted', async () => {
  shadow.does(neverAnswer())
  for (let round = 0; round < 140; round++) assert.equal((await fetchOnce(`${under.url}/all`)).status, 200)
  await waitUntil(async () => (await outcomes('all'))['dropped_full'] === 12)
  assert.equal(shadow.requests.length, 128)
  await shadow.kill()
  await waitUntil(async () => ((await outcomes('all'))['failed'] ?? 0) >= 128)
  await shadow.start()
})

it('a shadow that is gone is nobody\'s matter', async () => {
  assert.equal((await fetchOnce(`${under.url}/gone`)).body, 'real')
  await waitUntil(async () => (await outcomes('gone'))['failed'] === 1)
})

it('a part of the requests can be copied', async () => {
  for (let round = 0; round < 200; round++) await fetchOnce(`${under.url}/some`)
  await waitUntil(async () => ((await outcomes('some'))['sent'] ?? 0) === shadow.requests.length)
  assert.ok(shadow.requests.length > 15 && shadow.requests.length < 75, `${shadow.requests.length} of 200`)
})

it('a client that leaves in the middle of its body is not copied', async () => {
  const gate = Promise.withResolvers<void>()
  real.does(afterPromise(gate.promise, answer(200, 'real')))
  const before = (await outcomes('all'))['dropped_body'] ?? 0
  const outgoing = request(`${under.url}/all`, { method: 'POST', headers: { 'content-length': '1000' } })
  outgoing.on('error', () => {})
  outgoing.write('only a part')
  await waitUntil(() => real.requests.length === 1)
  outgoing.destroy()
  await waitUntil(async () => (await outcomes('all'))['dropped_body'] === before + 1)
  gate.resolve()
  assert.equal(shadow.requests.length, 0)
})
