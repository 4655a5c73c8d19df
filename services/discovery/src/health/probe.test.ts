import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { answer, closeConnection, neverAnswer, rawBytes, startUpstream, waitUntil } from '@sluice/testkit'
import { probe } from './probe.ts'

const never = new AbortController().signal
const ask = (url: string, timeoutMs = 2000) => probe({ url, host: undefined, timeoutMs }, never)

suite('a health probe', () => {
  test('a status of 200 to 399 is a success, and a redirect is not followed', async (t) => {
    const upstream = await startUpstream(t, answer(200, 'fine'))
    assert.equal(await ask(`${upstream.url}/health?deep=1`), undefined)
    upstream.does(answer(302, '', { location: '/elsewhere' }))
    assert.equal(await ask(`${upstream.url}/health`), undefined)
    assert.deepEqual(upstream.requests.map(({ method, url }) => `${method} ${url}`), ['GET /health?deep=1', 'GET /health'])
  })

  test('any other status is a failure that names it', async (t) => {
    const upstream = await startUpstream(t, answer(503))
    assert.equal(await ask(upstream.url), 'the probe was answered 503')
  })

  test('a port that refuses, a connection that is closed and nonsense are failures with a reason', async (t) => {
    const upstream = await startUpstream(t, closeConnection())
    assert.match((await ask(upstream.url))!, /^the probe failed: /)
    upstream.does(rawBytes('no HTTP\r\n\r\n'))
    assert.match((await ask(upstream.url))!, /^the probe failed: /)
    await upstream.kill()
    assert.equal(await ask(upstream.url), 'the probe failed: ECONNREFUSED')
  })

  test('silence is a failure after the timeout', async (t) => {
    const upstream = await startUpstream(t, neverAnswer())
    assert.equal(await ask(upstream.url, 50), 'the probe was not answered within 50 ms')
  })

  test('each probe makes a connection of its own and leaves none behind', async (t) => {
    const upstream = await startUpstream(t, answer(200, 'x'.repeat(100_000)))
    await ask(upstream.url)
    await ask(upstream.url)
    assert.equal(upstream.connections.accepted, 2)
    await waitUntil(() => upstream.connections.open === 0)
  })

  test('the Host that the upstream expects can be sent', async (t) => {
    const upstream = await startUpstream(t)
    await probe({ url: upstream.url, host: 'users.internal', timeoutMs: 2000 }, never)
    assert.equal(upstream.requests[0]!.headers.host, 'users.internal')
  })
})
