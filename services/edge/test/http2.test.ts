import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type IncomingHttpStatusHeader, type OutgoingHttpHeaders } from 'node:http2'
import { join } from 'node:path'
import { afterEach, before, describe, it } from 'node:test'
import { afterPromise, answer, echo, freePort, makeCertificate, neverAnswer, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { endHeaders, FrameClient, frameOf, goaway, goawayFrame, requestFrame, type Frame } from './http2-frames.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['one.example.com', '127.0.0.1'] })

interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader
  readonly body: Buffer
  readonly trailers: IncomingHttpHeaders
}

describe('an edge speaks HTTP/2 with its clients', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const sessions: ClientHttp2Session[] = []
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest
  let url: string

  before(async () => {
    upstream = await startUpstream(whole)
    const port = await freePort()
    url = `https://127.0.0.1:${port}`
    under = await startEdge(whole, {
      ...secureListener(port, [made], { healthPath: '/health', delaySeconds: 0 }),
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'all', match: { pathPrefix: '/' }, upstream: 'main', policies: [{ 'request-limits': { maxBodyBytes: 100_000_000 } }] },
        { name: 'small', match: { path: '/small' }, upstream: 'main', policies: [{ 'request-limits': { maxBodyBytes: 1000 } }] },
      ],
    })
  })
  afterEach(() => {
    for (const session of sessions.splice(0)) session.destroy()
  })

  async function open(): Promise<ClientHttp2Session> {
    const session = connect(url, { ca: made.cert })
    sessions.push(session)
    session.on('error', () => undefined)
    await once(session, 'connect')
    return session
  }

  async function answered(stream: ClientHttp2Stream): Promise<Answered> {
    let headers: IncomingHttpHeaders & IncomingHttpStatusHeader = {}
    let trailers: IncomingHttpHeaders = {}
    stream.on('response', (fields) => (headers = fields))
    stream.on('trailers', (fields) => (trailers = fields))
    const chunks: Buffer[] = []
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
    return { status: headers[':status'] ?? 0, headers, body: Buffer.concat(chunks), trailers }
  }

  function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answered> {
    const stream = session.request(headers, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    return answered(stream)
  }

  const lastLog = (path: string) =>
    waitUntil(async () => {
      const lines = (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
      return lines.findLast((line) => line['path'] === path)
    })

  const metric = async (name: string, label: string) => (await under.edge.metricsSnapshot()).find((one) => one.name === name)?.series.find(({ values }) => values.includes(label))?.value ?? 0

  it('a request reaches the upstream as HTTP/1.1 and its response the client', async () => {
    upstream.does(answer(201, 'made', { 'x-from': 'upstream', connection: 'keep-alive', 'set-cookie': ['a=1', 'b=2'] }))
    const session = await open()
    const response = await ask(session, { ':path': '/users/17?a=1&b=%20', ':authority': 'API.example.com:8443', cookie: ['a=b', 'c=d'], 'x-client': 'yes' })
    assert.equal(response.status, 201)
    assert.equal(response.body.toString(), 'made')
    assert.equal(response.headers['x-from'], 'upstream')
    assert.deepEqual(response.headers['set-cookie'], ['a=1', 'b=2'])
    assert.match(String(response.headers['x-request-id']), /^[0-9A-Z]{26}$/)
    assert.equal(response.headers['via'], '1.1 sluice')
    const seen = upstream.requests.at(-1)!
    assert.equal(seen.url, '/users/17?a=1&b=%20')
    assert.equal(seen.headers['host'], 'API.example.com:8443')
    assert.equal(seen.headers['cookie'], 'a=b; c=d')
    assert.equal(seen.headers['x-client'], 'yes')
    assert.equal(seen.headers['x-forwarded-proto'], 'https')
    assert.match(String(seen.headers['via']), /^2\.0 sluice$/)
  })

  it('a response without a body, to HEAD, 204 and 304', async () => {
    const session = await open()
    upstream.does(answer(200, 'hidden'))
    const head = await ask(session, { ':path': '/x', ':method': 'HEAD' })
    assert.deepEqual([head.status, head.body.length, head.headers['content-length']], [200, 0, '6'])
    for (const status of [204, 304]) {
      upstream.does(answer(status, ''))
      const response = await ask(session, { ':path': '/x' })
      assert.deepEqual([response.status, response.body.length], [status, 0])
    }
  })

  it('an unknown host of two, a tunnel and a bad path are refused in the error format', async () => {
    const session = await open()
    const twoHosts = await ask(session, { ':path': '/x', ':authority': 'a.example.com', host: 'b.example.com' })
    assert.equal(twoHosts.status, 400)
    assert.equal((JSON.parse(twoHosts.body.toString()) as { error: { reason: string } }).error.reason, 'client.bad_host')
    assert.equal((await ask(session, { ':path': '/%zz' })).status, 400)
    assert.equal((await ask(session, { ':path': '/x', expect: 'magic' })).status, 417)
    const tunnel = await ask(session, { ':method': 'CONNECT', ':authority': 'a.example.com:443' }, '')
    assert.equal(tunnel.status, 501)
  })

  it('the health path answers', async () => {
    const response = await ask(await open(), { ':path': '/health' })
    assert.equal(response.status, 200)
    assert.equal(response.body.toString(), '{"status":"serving"}\n')
  })

  it('a hundred streams run at once on one connection', async () => {
    let release = (): void => undefined
    const opened = new Promise<void>((resolve) => (release = resolve))
    upstream.does(afterPromise(opened, echo()))
    const session = await open()
    const before = upstream.requests.length
    const asked = Array.from({ length: 100 }, (_, index) => ask(session, { ':path': `/many/${index}`, ':method': 'POST' }, `body ${index}`))
    await waitUntil(() => upstream.requests.length === before + 100)
    release()
    const responses = await Promise.all(asked)
    for (const [index, response] of responses.entries()) {
      assert.equal(response.status, 200)
      assert.ok(response.body.toString().includes(`body ${index}`))
    }
  })

  it('large bodies pass both ways, and a slow reader holds the upstream back', async () => {
    const size = 30_000_000
    let sent = 0
    upstream.does(({ response }) => {
      response.writeHead(200)
      const chunk = Buffer.alloc(64 * 1024)
      const more = (): void => {
        while (sent < size) {
          sent += chunk.length
          if (!response.write(chunk)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })
    const session = await open()
    const stream = session.request({ ':path': '/download' })
    stream.pause()
    await once(stream, 'response')
    // Nobody reads: what is on its way fills windows and socket buffers, and then the upstream has to wait.
    let last = -1
    await waitUntil(() => {
      const still = sent === last
      last = sent
      return still
    }, { everyMs: 200 })
    assert.ok(sent < size / 2, `${sent} bytes were sent to nobody`)
    const { body } = await answered(stream)
    assert.ok(body.length >= size)

    upstream.does(echo())
    const upload = Buffer.alloc(5_000_000, 'x')
    const echoed = await ask(session, { ':path': '/upload', ':method': 'POST' }, upload)
    assert.equal(upstream.requests.at(-1)!.body.length, upload.length)
    assert.equal(echoed.status, 200)
  })

  it('a slow upstream holds the client back', async () => {
    const readers = await startUpstream(whole, { readBodies: false })
    let go = (): void => undefined
    const may = new Promise<void>((resolve) => (go = resolve))
    readers.does(async ({ request, response }) => {
      await may
      let bytes = 0
      for await (const chunk of request as AsyncIterable<Buffer>) bytes += chunk.length
      response.end(String(bytes))
    })
    upstream.does(({ response }) => void response.end())
    const port = await freePort()
    const slow = await startEdge(whole, {
      ...secureListener(port, [made]),
      upstreams: { main: { endpoints: [{ url: readers.url }] } },
      routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main', policies: [{ 'request-limits': { maxBodyBytes: 100_000_000 } }] }],
    })
    const session = connect(`https://127.0.0.1:${port}`, { ca: made.cert })
    sessions.push(session)
    const stream = session.request({ ':path': '/upload', ':method': 'POST' })
    const size = 30_000_000
    let taken = 0
    const pump = (): void => {
      while (taken < size) {
        taken += 65_536
        if (!stream.write(Buffer.alloc(65_536))) return void stream.once('drain', pump)
      }
      stream.end()
    }
    pump()
    let last = -1
    await waitUntil(() => {
      const still = taken === last
      last = taken
      return still
    }, { everyMs: 200 })
    assert.ok(taken < size / 2, `${taken} bytes were taken for an upstream that reads none`)
    go()
    const { status, body } = await answered(stream)
    assert.deepEqual([status, Number(body.toString())], [200, taken])
    session.destroy()
    await slow.edge.stop({ deadlineMs: 100 })
  })

  it('a body that is too large is refused, and the connection goes on', async () => {
    upstream.does(echo())
    const session = await open()
    const declared = await ask(session, { ':path': '/small', ':method': 'POST', 'content-length': '5000' }, Buffer.alloc(5000))
    assert.equal(declared.status, 413)
    const stream = session.request({ ':path': '/small', ':method': 'POST' })
    const response = answered(stream)
    stream.write(Buffer.alloc(5000))
    assert.equal((await response).status, 413)
    assert.equal((await ask(session, { ':path': '/small', ':method': 'POST' }, 'ok')).status, 200)
  })

  it('events arrive one by one as the upstream sends them', async () => {
    let send: (text: string) => void = () => undefined
    let finish: () => void = () => undefined
    upstream.does(({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      send = (text) => void response.write(`data: ${text}\n\n`)
      finish = () => void response.end()
    })
    const stream = (await open()).request({ ':path': '/events' })
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    assert.equal(headers['content-type'], 'text/event-stream')
    for (const text of ['one', 'two', 'three']) {
      const next = once(stream, 'data') as Promise<[Buffer]>
      send(text)
      assert.equal((await next)[0].toString(), `data: ${text}\n\n`)
    }
    finish()
    await once(stream, 'end')
  })

  it('a client that waits for 100 Continue gets it when the body is wanted', async () => {
    upstream.does(echo())
    const stream = (await open()).request({ ':path': '/continue', ':method': 'POST', expect: '100-continue' })
    await once(stream, 'continue')
    stream.end('after')
    assert.ok((await answered(stream)).body.toString().includes('after'))
  })

  it('trailers pass to a client that takes them', async () => {
    upstream.does(({ response }) => {
      response.writeHead(200, { trailer: 'x-check' })
      response.write('body')
      response.addTrailers({ 'x-check': 'sum', 'x-api-key': '3' })
      response.end()
    })
    const session = await open()
    const taken = await ask(session, { ':path': '/trailers', te: 'trailers' })
    assert.equal(taken.body.toString(), 'body')
    assert.equal(taken.trailers['x-check'], 'sum')
    assert.equal(taken.trailers['x-api-key'], undefined)
    const dropped = await ask(session, { ':path': '/trailers' })
    assert.equal(dropped.body.toString(), 'body')
    assert.equal(dropped.trailers['x-check'], undefined)
  })

  it('a client that takes a request back ends the upstream exchange, and it is logged as 499', async () => {
    upstream.does(neverAnswer())
    const session = await open()
    const open0 = upstream.connections.open
    const stream = session.request({ ':path': '/taken-back' })
    stream.on('error', () => undefined)
    const asked = upstream.requests.length
    await waitUntil(() => upstream.requests.length > asked || upstream.requests.at(-1)?.url === '/taken-back')
    stream.close(constants.NGHTTP2_CANCEL)
    const line = await lastLog('/taken-back')
    assert.deepEqual([line['status'], line['reason']], [499, 'client.aborted'])
    await waitUntil(() => upstream.connections.open <= open0)
    upstream.does(answer(200, 'still'))
    assert.equal((await ask(session, { ':path': '/x' })).status, 200)
  })

  it('a client whose connection breaks is logged as 499', async () => {
    upstream.does(neverAnswer())
    const session = await open()
    const stream = session.request({ ':path': '/broken' })
    stream.on('error', () => undefined)
    await waitUntil(() => upstream.requests.at(-1)?.url === '/broken')
    session.destroy()
    assert.equal((await lastLog('/broken'))['status'], 499)
  })

  it('an upstream that breaks off is seen as a broken stream, not as a short response', async () => {
    upstream.does(({ response }) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('short')
      response.socket!.destroySoon()
    })
    const session = await open()
    await assert.rejects(ask(session, { ':path': '/short' }), { code: 'ERR_HTTP2_STREAM_ERROR' })
    upstream.does(answer(200, 'still'))
    assert.equal((await ask(session, { ':path': '/x' })).status, 200)
  })

  /** Runs `flood` again and again until the edge has ended the connection; answers why, if the client still got to read it. */
  async function endedBy(flood: (session: ClientHttp2Session) => void): Promise<number | undefined> {
    const session = await open()
    let code: number | undefined
    session.on('goaway', (why) => (code = why))
    const again = setInterval(() => {
      if (!session.closed && !session.destroyed) flood(session)
    }, 5)
    await new Promise((resolve) => session.once('close', resolve))
    clearInterval(again)
    return code
  }

  it('requests that are taken back by the hundred end the connection with ENHANCE_YOUR_CALM', async () => {
    upstream.does(neverAnswer())
    const code = await endedBy((session) => {
      for (let round = 0; round < 20 && !session.destroyed; round++) {
        const stream = session.request({ ':path': '/reset' })
        stream.on('error', () => undefined)
        stream.close(constants.NGHTTP2_CANCEL)
      }
    })
    // What a client has on its way may reset the connection before it reads the reason.
    assert.ok(code === undefined || code === constants.NGHTTP2_ENHANCE_YOUR_CALM, String(code))
    assert.equal(await metric('sluice_http2_floods_total', 'resets'), 1)
    upstream.does(answer(200, 'others'))
    assert.equal((await ask(await open(), { ':path': '/x' })).status, 200)
  })

  // Each goes out in one write: how fast a flood comes must not hang on how busy the machine is.
  const calm = async (kind: string, ...flood: Buffer[]): Promise<void> => {
    const raw = await openRaw()
    raw.send(...flood)
    await raw.ended
    const reasons = raw.frames.filter(({ type }) => type === goaway).map(({ payload }) => payload.readUInt32BE(4))
    // What a client still sends may reset the connection before it reads the reason.
    assert.ok(reasons.length === 0 || reasons.includes(constants.NGHTTP2_ENHANCE_YOUR_CALM), reasons.join())
    await waitUntil(async () => (await metric('sluice_http2_floods_total', kind)) > 0, { what: `a flood of ${kind} to be counted` })
  }
  const times = (count: number, frame: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(frame))

  it('a flood of pings ends its connection with ENHANCE_YOUR_CALM, also one too fast to be answered at all', async () => {
    const ping = frameOf(6, 0, 0, Buffer.alloc(8))
    await calm('pings', times(1000, ping))
    await calm('pings', times(5000, ping))
    assert.equal(await metric('sluice_http2_floods_total', 'pings'), 2)
  })

  it('a flood of settings ends its connection with ENHANCE_YOUR_CALM, also one too fast to be answered at all', async () => {
    const settings = frameOf(4, 0, 0)
    await calm('settings', times(1000, settings))
    await calm('settings', times(5000, settings))
    assert.equal(await metric('sluice_http2_floods_total', 'settings'), 2)
  })

  it('frames without content, and a header that never ends, end their connections with ENHANCE_YOUR_CALM', async () => {
    upstream.does(neverAnswer())
    await calm('empty_frames', requestFrame(1, endHeaders), times(1000, frameOf(0, 0, 1)))
    await calm('continuations', requestFrame(1, 0), times(1000, frameOf(9, 0, 1, Buffer.from([0, 1, 0x61, 1, 0x61]))))
    upstream.does(answer(200, 'others'))
    assert.equal((await ask(await open(), { ':path': '/x' })).status, 200)
  })

  it('a request that leaves its client together with a GOAWAY is answered', async () => {
    upstream.does(answer(200, 'fine'))
    const raw = await openRaw()
    raw.send(goawayFrame, requestFrame(1))
    await raw.answerTo(1)
  })

  it('a drain tells clients that the end is near, then which request was the last, and answers what came in between', async () => {
    let release = (): void => undefined
    const opened = new Promise<void>((resolve) => (release = resolve))
    upstream.does(afterPromise(opened, answer(200, 'fine')))
    const [busy, idle] = [await openRaw(), await openRaw()]
    const before = upstream.requests.length
    busy.send(requestFrame(1))
    await waitUntil(() => upstream.requests.length > before)
    const restarted = under.edge.restartWorkers()
    const goesAway = (last: number) => ({ type, payload }: Frame) => type === goaway && payload.readUInt32BE(0) === last && payload.readUInt32BE(4) === constants.NGHTTP2_NO_ERROR
    // First that no more are wanted (RFC 9113 §6.8); what left the client before it knew is served.
    await busy.frame(goesAway(0x7fff_ffff))
    busy.send(requestFrame(3))
    await waitUntil(() => upstream.requests.length === before + 2)
    await idle.frame(goesAway(0))
    await idle.ended
    await busy.frame(goesAway(3))
    busy.send(requestFrame(5))
    const { payload } = await busy.frame(({ type, stream }) => type === 3 && stream === 5)
    assert.equal(payload.readUInt32BE(0), constants.NGHTTP2_REFUSED_STREAM)
    release()
    await Promise.all([busy.answerTo(1), busy.answerTo(3)])
    await busy.ended
    await restarted
    assert.equal(upstream.requests.length, before + 2)
  })

  it('no request fails while workers are restarted', async () => {
    upstream.does(answer(200, 'fine'))
    let running = true
    let count = 0
    const lane = async (): Promise<void> => {
      let session = await open()
      while (running) {
        if (session.closed || session.destroyed) session = await open()
        // A client whose request had not left when the GOAWAY came refuses it itself (RFC 9113 §8.7: safe to repeat).
        const response = await ask(session, { ':path': '/drain' }).catch((error: Error) => {
          if (!error.message.includes('REFUSED_STREAM')) throw error
        })
        if (response !== undefined) assert.equal(response.status, 200)
        count++
      }
    }
    const lanes = Promise.all(Array.from({ length: 4 }, lane))
    const stopped = lanes.finally(() => (running = false))
    await Promise.race([stopped, waitUntil(() => count > 50)])
    await Promise.race([stopped, under.edge.restartWorkers()])
    const after = count
    await Promise.race([stopped, waitUntil(() => count > after + 50)])
    running = false
    await stopped
  })

  const openRaw = () => FrameClient.open(whole, Number(new URL(url).port), made.cert)
})
