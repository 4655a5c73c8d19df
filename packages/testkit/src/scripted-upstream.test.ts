import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { fetchOnce } from './http-client.ts'
import { startUpstream } from './scripted-upstream.ts'
import { afterPromise, answer, closeConnection, echo, rawBytes, resetConnection, streamChunks } from './upstream-scripts.ts'

test('it records what it was sent, spelled as it was sent', async (t) => {
  const upstream = await startUpstream(t, echo())
  const response = await fetchOnce(upstream.url, { method: 'POST', path: '/a/../b?x=1', headers: { 'X-Odd-Case': 'yes' }, body: 'hello' })
  assert.equal(response.json<{ body: string }>().body, 'hello')
  const [request] = upstream.requests
  assert.equal(request?.url, '/a/../b?x=1')
  assert.ok(request.rawHeaders.includes('X-Odd-Case'))
  assert.equal(request.body.toString(), 'hello')
  assert.equal(await request.done, true)
})

test('scripts for the next requests are used up in order', async (t) => {
  const upstream = await startUpstream(t, answer(200, 'as ever'))
  upstream.doesNext(answer(503), resetConnection(), closeConnection(), rawBytes('HTTP/1.1 204 Bare\r\n\r\n'))
  assert.equal((await fetchOnce(upstream.url)).status, 503)
  await assert.rejects(fetchOnce(upstream.url), { code: 'ECONNRESET' })
  await assert.rejects(fetchOnce(upstream.url), /socket hang up/)
  assert.equal((await fetchOnce(upstream.url)).status, 204)
  assert.equal((await fetchOnce(upstream.url)).body, 'as ever')
})

test('an answer waits at a gate and streams in chunks', async (t) => {
  const gate = Promise.withResolvers<void>()
  const upstream = await startUpstream(t, afterPromise(gate.promise, streamChunks(['a', 'b', 'c'], { everyMs: 1 })))
  const response = fetchOnce(upstream.url)
  gate.resolve()
  assert.equal((await response).body, 'abc')
})

test('a stream that breaks is seen as broken', async (t) => {
  const upstream = await startUpstream(t, streamChunks(['a'], { everyMs: 5, thenReset: true }))
  await assert.rejects(fetchOnce(upstream.url))
  assert.equal(await upstream.requests[0]?.done, false)
})

test('connections are counted, killed, and the port taken up again', async (t) => {
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const upstream = await startUpstream(t)
  await fetchOnce(upstream.url, { agent })
  assert.equal((await fetchOnce(upstream.url, { agent })).reusedConnection, true)
  assert.deepEqual(upstream.connections, { open: 1, accepted: 1 })
  await upstream.kill()
  await assert.rejects(fetchOnce(upstream.url), { code: 'ECONNREFUSED' })
  await upstream.start()
  assert.equal((await fetchOnce(upstream.url)).status, 200)
})

test('a request can be handed over before its body', async (t) => {
  const upstream = await startUpstream(t, { readBodies: false, script: (reply) => answer(413)(reply) })
  assert.equal((await fetchOnce(upstream.url, { method: 'POST', body: 'never read' })).status, 413)
  assert.equal(upstream.requests[0]?.body.length, 0)
})
