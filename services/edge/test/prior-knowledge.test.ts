import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { afterEach, before, describe, it } from 'node:test'
import { answer, echo, fetchOnce, freePort, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { RawClient } from './raw-client.ts'

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

describe('the plain listener with h2c', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const sessions: ClientHttp2Session[] = []
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest

  const document = (h2c: boolean, more: object = {}) => ({
    listeners: { http: { address: `127.0.0.1:${under?.port ?? port}`, h2c, ...more } },
    upstreams: { main: { endpoints: [{ url: upstream.url }] } },
    routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
  })
  let port: number

  before(async () => {
    upstream = await startUpstream(whole, echo())
    port = await freePort()
    under = await startEdge(whole, document(true), { port })
  })
  afterEach(() => {
    for (const session of sessions.splice(0)) session.destroy()
  })

  function open(): ClientHttp2Session {
    const session = connect(under.url)
    sessions.push(session)
    return session.on('error', () => undefined)
  }

  async function ask(session: ClientHttp2Session, path: string, body?: string): Promise<{ headers: IncomingHttpHeaders & { ':status'?: number }; body: string }> {
    const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' }, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    return { headers, body: Buffer.concat(await stream.toArray() as Buffer[]).toString() }
  }

  const connections = async () => (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_connections_active')?.series[0]?.value

  it('carries HTTP/2 from clients that begin with it', async () => {
    const session = open()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(session, `/many/${index}`, `body ${index}`)))
    for (const [index, { headers, body }] of answers.entries()) {
      assert.equal(headers[':status'], 200)
      assert.equal((JSON.parse(body) as { body: string }).body, `body ${index}`)
    }
    const { headers } = upstream.requests.at(-1)!
    assert.equal(headers['x-forwarded-proto'], 'http')
    assert.equal(headers['via'], '2.0 sluice')
  })

  it('carries HTTP/1.1 beside it, wherever the first bytes are cut', async () => {
    assert.equal((await fetchOnce(`${under.url}/plain`)).status, 200)
    for (const head of ['POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi', 'PROPFIND /p HTTP/1.1\r\nHost: a\r\n\r\n']) {
      for (const cut of [1, 2, 3, 4, 10]) {
        const client = await RawClient.connect(under.port)
        client.send(head.slice(0, cut))
        await client.quiet(10)
        client.send(head.slice(cut))
        await waitUntil(() => client.responses().some(({ isComplete }) => isComplete))
        assert.equal(client.responses()[0]?.status, 200, `${head.slice(0, 20)} cut at ${cut}`)
        client.destroy()
      }
    }
  })

  it('takes a preface that comes byte by byte, and refuses one that is none', async () => {
    const client = await RawClient.connect(under.port)
    for (const byte of preface) {
      client.send(byte)
      await client.quiet(1)
    }
    // SETTINGS, which the server begins with.
    await waitUntil(() => client.text.length >= 9)
    assert.equal(client.text.charCodeAt(3), 4)
    client.destroy()

    const wrong = await RawClient.connect(under.port)
    wrong.send('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')
    await waitUntil(() => wrong.isClosed)
    assert.equal(wrong.responses()[0]?.status, 400)
    wrong.destroy()
  })

  it('a client that leaves is gone, whatever it has said', async () => {
    await waitUntil(async () => (await connections()) === 0)
    const session = open()
    await ask(session, '/x')
    assert.equal(await connections(), 1)
    session.destroy()
    await waitUntil(async () => (await connections()) === 0)
    const half = await RawClient.connect(under.port)
    half.send(preface.slice(0, 10))
    await half.quiet(10)
    half.socket.end()
    await waitUntil(() => half.isClosed)
  })

  it('one that says too little is ended after headMs', async () => {
    await under.apply(document(true, { timeouts: { headMs: 200 } }))
    const client = await RawClient.connect(under.port)
    client.send('PRI * ')
    await waitUntil(() => client.isClosed)
    client.destroy()
    await under.apply(document(true))
  })

  it('is switched on and off without a new socket', async () => {
    const before = open()
    await ask(before, '/x')
    await under.apply(document(false))
    const refused = await RawClient.connect(under.port)
    refused.send(preface)
    await waitUntil(() => refused.isClosed)
    assert.equal(refused.responses()[0]?.status, 400)
    refused.destroy()
    assert.equal((await ask(before, '/still')).headers[':status'], 200)
    await under.apply(document(true))
    assert.equal((await ask(open(), '/again')).headers[':status'], 200)
  })

  it('a drain ends it between requests', async (t) => {
    upstream.does(answer(200, 'fine'))
    const ends: (() => void | Promise<void>)[] = []
    t.after(async () => {
      for (const end of ends) await end()
    })
    const ownPort = await freePort()
    const own = await startEdge({ after: (clearUp) => void ends.push(clearUp) }, { ...document(true), listeners: { http: { address: `127.0.0.1:${ownPort}`, h2c: true } } }, { port: ownPort })
    const session = connect(own.url)
    sessions.push(session)
    assert.equal((await ask(session, '/x')).headers[':status'], 200)
    const closed = once(session, 'close')
    await Promise.all([own.edge.stop({ deadlineMs: 20_000 }), closed])
  })
})
