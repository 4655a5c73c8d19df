import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { connect, constants } from 'node:http2'
import { before, beforeEach, describe, it } from 'node:test'
import { freePort, makeCertificate, startUpstream, suiteCleanup, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['127.0.0.1'] })

describe('trailer fields pass both ways', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest
  let securePort: number

  before(async () => {
    upstream = await startUpstream(whole)
    securePort = await freePort()
    const secure = secureListener(securePort, [made])
    const port = await freePort()
    under = await startEdge(whole, {
      ...secure,
      listeners: { ...secure.listeners, http: { address: `127.0.0.1:${port}` } },
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
    }, { port })
  })
  beforeEach(() => {
    upstream.does(({ response }) => {
      response.writeHead(200, { trailer: 'x-sum' })
      response.write('hello')
      response.addTrailers({ 'x-sum': '17', 'x-api-key': 'no' })
      response.end()
    })
  })

  async function answered(request: ClientRequest): Promise<{ body: string; trailers: NodeJS.Dict<string> }> {
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const chunks = await response.toArray() as Buffer[]
    return { body: Buffer.concat(chunks).toString(), trailers: response.trailers }
  }

  it('from an HTTP/1.1 client to the upstream, those that decide something dropped', async () => {
    const request = httpRequest(`${under.url}/up`, { method: 'POST', headers: { 'transfer-encoding': 'chunked', trailer: 'x-sum' } })
    request.write('hello')
    request.addTrailers({ 'x-sum': '17', authorization: 'Bearer x' })
    request.end()
    await answered(request)
    const seen = upstream.requests.at(-1)!
    assert.equal(seen.body.toString(), 'hello')
    assert.deepEqual({ ...seen.trailers }, { 'x-sum': '17' })
  })

  it('from the upstream to an HTTP/1.1 client that takes them, and to no other', async () => {
    const taking = await answered(httpRequest(`${under.url}/down`, { headers: { te: 'trailers', connection: 'te' } }).end())
    assert.equal(taking.body, 'hello')
    assert.deepEqual({ ...taking.trailers }, { 'x-sum': '17' })
    const { headers } = upstream.requests.at(-1)!
    assert.deepEqual([headers['te'], headers['connection']], ['trailers', 'TE'])

    const other = await answered(httpRequest(`${under.url}/down`).end())
    assert.equal(other.body, 'hello')
    assert.deepEqual({ ...other.trailers }, {})
    assert.equal(upstream.requests.at(-1)!.headers['te'], undefined)
  })

  it('between an HTTP/2 client and an upstream of HTTP/1.1', async (t) => {
    const session = connect(`https://127.0.0.1:${securePort}`, { ca: made.cert })
    t.after(() => session.destroy())
    const stream = session.request({ ':path': '/both', ':method': 'POST', te: 'trailers' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '18', cookie: 'a=b' }))
    const trailers = once(stream, 'trailers')
    stream.end('hello')
    const chunks = await stream.toArray() as Buffer[]
    assert.equal(Buffer.concat(chunks).toString(), 'hello')
    assert.equal(((await trailers)[0] as NodeJS.Dict<string>)['x-sum'], '17')
    assert.deepEqual({ ...upstream.requests.at(-1)!.trailers }, { 'x-sum': '18' })
  })

  it('streams that end badly before their trailers do the worker no harm', async (t) => {
    upstream.does(({ record, response }) => {
      response.writeHead(200, { trailer: 'x-sum' })
      response.write(Buffer.alloc(Number(record.url.slice(2))))
      if (record.url.startsWith('/b')) setImmediate(() => response.socket!.destroy())
      else response.end()
    })
    const [worker] = under.edge.workerPids
    const session = connect(`https://127.0.0.1:${securePort}`, { ca: made.cert })
    t.after(() => session.destroy())
    const ended: Promise<unknown>[] = []
    for (let round = 0; round < 400; round++) {
      const breaks = round % 3 === 0
      const stream = session.request({ ':path': `/${breaks ? 'b' : 'w'}${(round % 7) * 20_000}`, ':method': 'POST', te: 'trailers' })
      stream.on('error', () => undefined)
      ended.push(new Promise((resolve) => stream.once('close', resolve)))
      stream.end('a body')
      if (round % 5 === 0) stream.once('response', () => stream.close(constants.NGHTTP2_CANCEL))
      stream.resume()
      if (round % 50 === 49) await Promise.all(ended.splice(0))
    }
    assert.deepEqual(under.edge.workerPids, [worker])
  })
})
