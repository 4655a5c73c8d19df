import assert from 'node:assert/strict'
import { request } from 'node:http'
import { before, it } from 'node:test'
import { afterPromise, answer, closeConnection, fetchOnce, freePort, neverAnswer, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let upstream: ScriptedUpstream
let upstreamsSoFar = 0

before(async () => {
  upstream = await startUpstream(whole)
  under = await startEdge(whole, undefined)
})

const reasonOf = (body: string) => (JSON.parse(body) as { error: { reason: string } }).error.reason

/** Has everything go to the upstream, with a circuit of its own that opens after three failures for a second. */
async function forward(circuitBreaker: object | 'off' = {}, settings: object = {}): Promise<string> {
  const name = `upstream-${++upstreamsSoFar}`
  const breaker = circuitBreaker === 'off' ? {} : { circuitBreaker: { consecutiveFailures: 3, openSeconds: 1, ...circuitBreaker } }
  await under.apply({ upstreams: { [name]: { endpoints: [{ url: upstream.url }], ...breaker, ...settings } }, routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: name }] } as never)
  await under.edge.serving()
  upstream.requests.length = 0
  return name
}

async function stateOf(name: string): Promise<number | undefined> {
  const metrics = await under.edge.metricsSnapshot()
  return metrics.find((metric) => metric.name === 'sluice_circuit_state')?.series.find(({ values }) => values[0] === name)?.value
}

async function failThrice(): Promise<void> {
  upstream.does(answer(500, 'broken'))
  for (let time = 0; time < 3; time++) assert.equal((await fetchOnce(under.url)).body, 'broken')
}

it('after enough failures the upstream is left alone, and 503 says when to come again', async () => {
  const name = await forward({ openSeconds: 30 })
  assert.equal(await stateOf(name), 0)
  await failThrice()
  const refused = await fetchOnce(under.url)
  assert.equal(refused.status, 503)
  assert.equal(reasonOf(refused.body), 'upstream.circuit_open')
  assert.ok([29, 30].includes(Number(refused.headers['retry-after'])), String(refused.headers['retry-after']))
  assert.equal(upstream.requests.length, 3)
  assert.equal(await stateOf(name), 2)
})

it('then one request is let through, and when it succeeds all are', async () => {
  const name = await forward()
  await failThrice()
  const gate = Promise.withResolvers<void>()
  upstream.does(afterPromise(gate.promise, answer(200, 'well again')))
  await waitUntil(async () => (await stateOf(name)) === 1)
  const probe = fetchOnce(under.url)
  await waitUntil(() => upstream.requests.length === 4)
  assert.equal((await fetchOnce(under.url)).status, 503)
  assert.equal(upstream.requests.length, 4)
  gate.resolve()
  assert.equal((await probe).body, 'well again')
  assert.equal((await fetchOnce(under.url)).body, 'well again')
  assert.equal(await stateOf(name), 0)
})

it('when the one request fails, the upstream is left alone again', async () => {
  const name = await forward()
  await failThrice()
  await waitUntil(async () => (await stateOf(name)) === 1)
  assert.equal((await fetchOnce(under.url)).body, 'broken')
  assert.equal(await stateOf(name), 2)
  assert.equal(reasonOf((await fetchOnce(under.url)).body), 'upstream.circuit_open')
})

it('a client that leaves during the probe does not keep the circuit from closing', async () => {
  const name = await forward()
  await failThrice()
  upstream.does(neverAnswer())
  await waitUntil(async () => (await stateOf(name)) === 1)
  const leaving = new AbortController()
  const left = fetchOnce(under.url, { signal: leaving.signal }).catch(() => 'left')
  await waitUntil(() => upstream.requests.length === 4)
  leaving.abort()
  assert.equal(await left, 'left')
  upstream.does(answer(200, 'well again'))
  await waitUntil(async () => (await fetchOnce(under.url)).status === 200)
})

it('connections that break and endpoints that refuse count as failures', async () => {
  await forward({}, { retries: { attempts: 1 } })
  upstream.does(closeConnection())
  for (let time = 0; time < 3; time++) assert.equal((await fetchOnce(under.url)).status, 502)
  assert.equal((await fetchOnce(under.url)).status, 503)
  await forward({}, { endpoints: [{ url: `http://127.0.0.1:${await freePort()}` }], retries: { attempts: 1 } })
  for (let time = 0; time < 3; time++) assert.equal(reasonOf((await fetchOnce(under.url)).body), 'upstream.connect_refused')
  assert.equal(reasonOf((await fetchOnce(under.url)).body), 'upstream.circuit_open')
})

it('answers that take too long count as failures', async () => {
  await forward({ consecutiveFailures: 1 }, { timeouts: { firstByteMs: 200 } })
  upstream.does(neverAnswer())
  assert.equal((await fetchOnce(under.url)).status, 504)
  assert.equal(reasonOf((await fetchOnce(under.url)).body), 'upstream.circuit_open')
})

it('4xx and clients that leave count for nothing', async () => {
  const name = await forward({ consecutiveFailures: 1, minimumRequests: 1 })
  upstream.does(answer(404, 'no'))
  for (let time = 0; time < 5; time++) assert.equal((await fetchOnce(under.url)).status, 404)
  upstream.does(neverAnswer())
  for (let time = 0; time < 3; time++) {
    const leaving = new AbortController()
    const left = fetchOnce(under.url, { signal: leaving.signal }).catch(() => 'left')
    await waitUntil(() => upstream.requests.length === 6 + time)
    leaving.abort()
    assert.equal(await left, 'left')
  }
  upstream.does(answer(200, 'fine'))
  assert.equal((await fetchOnce(under.url)).body, 'fine')
  assert.equal(await stateOf(name), 0)
})

it('a client that is slow with its body does not open the circuit', async () => {
  const name = await forward({ consecutiveFailures: 1 }, { timeouts: { requestMs: 300 } })
  upstream.does(answer(200, 'fine'))
  const stalled = request(under.url, { method: 'POST', headers: { 'content-length': '1000' } })
  const status = new Promise<number | undefined>((resolve) => {
    stalled.on('response', (response) => resolve(response.resume().statusCode))
    stalled.on('error', () => resolve(undefined))
  })
  stalled.write('only this')
  assert.equal(await status, 504)
  stalled.destroy()
  assert.equal(await stateOf(name), 0)
})

it('the fallback answers while the upstream is left alone', async () => {
  await forward({ openSeconds: 30, fallback: { status: 200, body: '{"items":[]}', headers: { 'content-type': 'application/json', 'x-fallback': 'yes' } } })
  await failThrice()
  const fallback = await fetchOnce(under.url)
  assert.deepEqual([fallback.status, fallback.body, fallback.headers['content-type'], fallback.headers['x-fallback']], [200, '{"items":[]}', 'application/json', 'yes'])
  assert.match(String(fallback.headers['x-request-id']), /^[0-9A-Z]{26}$/)
  assert.equal(upstream.requests.length, 3)
})

it('without the setting nothing opens', async () => {
  const name = await forward('off')
  upstream.does(answer(500, 'broken'))
  for (let time = 0; time < 30; time++) assert.equal((await fetchOnce(under.url)).body, 'broken')
  assert.equal(await stateOf(name), undefined)
})
