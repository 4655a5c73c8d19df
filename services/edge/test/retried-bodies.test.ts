import assert from 'node:assert/strict'
import { request } from 'node:http'
import { before, beforeEach, describe, it } from 'node:test'
import { answer, closeConnection, fetchOnce, resetConnection, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

for (const engine of ['own', 'node'] as const) describe(`requests with a body that are tried again, engine ${engine}`, () => {
  const whole = suiteCleanup()
  let under: EdgeUnderTest
  let first: ScriptedUpstream
  let second: ScriptedUpstream

  before(async () => {
    ;[first, second] = [await startUpstream(whole), await startUpstream(whole)]
    const endpoints = [{ url: first.url, priority: 0 }, { url: second.url, priority: 1 }]
    const upstreams = {
      ordinary: { endpoints, health: { passive: false } },
      none: { endpoints, health: { passive: false }, retries: { replayBytes: 0 } },
    }
    under = await startEdge(whole, { upstreams, routes: ['ordinary', 'none'].map((name) => ({ name, match: { path: `/${name}` }, upstream: name })) } as never, { engine })
  })
  beforeEach(() => {
    first.does(resetConnection())
    second.does(answer(200, 'second'))
    first.requests.length = second.requests.length = 0
  })

  const send = (method: string, body: string | Buffer, path = '/ordinary') => fetchOnce(under.url + path, { method, body })
  const lengths = ({ requests }: ScriptedUpstream) => requests.map(({ body }) => body.length)

  it('an idempotent one whose connection broke is sent again, whole', async () => {
    const body = Buffer.alloc(50_000, 'x')
    assert.equal((await send('PUT', body)).body, 'second')
    assert.deepEqual(lengths(first), [50_000])
    assert.deepEqual(second.requests[0]!.body, body)
  })

  it('one that is longer than what is kept is tried once', async () => {
    assert.equal((await send('PUT', Buffer.alloc(65_537, 'x'))).status, 502)
    assert.equal(second.requests.length, 0)
  })

  it('one that is not idempotent is tried once, and so is every one when nothing is kept', async () => {
    assert.equal((await send('POST', 'once')).status, 502)
    assert.equal((await send('PUT', 'once', '/none')).status, 502)
    assert.equal(second.requests.length, 0)
  })

  it('one that comes in pieces is sent on as it comes, also after the first endpoint has gone in the middle', async () => {
    first.does(closeConnection())
    const outgoing = request(`${under.url}/ordinary`, { method: 'PUT' })
    const answered = new Promise<string>((resolve, reject) => {
      outgoing.on('error', reject).on('response', (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => resolve(body))
      })
    })
    outgoing.write('one ')
    await waitUntil(() => first.connections.accepted > 0)
    outgoing.write('two ')
    outgoing.end('three')
    assert.equal(await answered, 'second')
    assert.equal(second.requests[0]!.body.toString(), 'one two three')
  })

  it('one that comes in pieces and grows too long is tried once', async () => {
    const outgoing = request(`${under.url}/ordinary`, { method: 'PUT' })
    const status = new Promise<number | undefined>((resolve, reject) => outgoing.on('error', reject).on('response', (response) => resolve(response.resume().statusCode)))
    for (let piece = 0; piece < 20; piece++) outgoing.write(Buffer.alloc(5000, 'x'))
    outgoing.end()
    assert.equal(await status, 502)
    assert.deepEqual([lengths(first), second.requests.length], [[100_000], 0])
  })
})
