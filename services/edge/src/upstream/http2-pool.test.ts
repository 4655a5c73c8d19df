import assert from 'node:assert/strict'
import { createServer, createSecureServer, constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream, type IncomingHttpHeaders } from 'node:http2'
import { connect, createServer as createNetServer, type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { createSecureContext } from 'node:tls'
import { freePort, makeCertificate, waitUntil } from '@sluice/testkit'
import { Http2Pool } from './http2-pool.ts'
import type { Http2PoolLimits } from './http2-pool-limits.ts'
import type { Attempt, AttemptHandler, AttemptRequest } from './upstream-client.ts'

/** What an attempt heard. */
class Heard implements AttemptHandler {
  attempt: Attempt | undefined
  status = 0
  fields: string[] = []
  isWhole = false
  body = ''
  bytes = 0
  trailers: readonly string[] | undefined
  failure: { code: string; sent: boolean } | undefined
  isOver = false
  pausesAfter = Infinity

  onHead(status: number, fields: string[], isWhole = false): void {
    Object.assign(this, { status, fields, isWhole })
  }

  onUpgrade(): void {
    this.isOver = true
  }

  onData(chunk: Uint8Array): void {
    this.bytes += chunk.length
    if (this.bytes < 100_000) this.body += Buffer.from(chunk).toString('latin1')
    if (this.bytes > this.pausesAfter) this.attempt?.pause()
  }

  onEnd(trailers?: readonly string[]): void {
    this.trailers = trailers
    this.isOver = true
  }

  onFailure(code: string, sent: boolean): void {
    this.failure = { code, sent }
    this.isOver = true
  }
}

type Script = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

class Endpoint {
  readonly sessions = new Set<ServerHttp2Session>()
  accepted = 0
  requests = 0
  script: Script = (stream) => {
    stream.respond({ ':status': 200 })
    stream.end('ok')
  }
  private readonly server: Http2Server

  constructor(server: Http2Server) {
    this.server = server
    server.on('session', (session) => {
      this.accepted++
      this.sessions.add(session)
      session.on('error', () => undefined)
      session.on('close', () => this.sessions.delete(session))
    })
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      this.requests++
      stream.on('error', () => undefined)
      this.script(stream, headers)
    })
  }

  listen(): Promise<number> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve((this.server.address() as AddressInfo).port)))
  }

  stop(): void {
    for (const session of this.sessions) session.destroy()
    this.server.close()
  }
}

interface Under {
  readonly endpoint: Endpoint
  readonly pool: Http2Pool
  send(changes?: Partial<AttemptRequest>, heard?: Heard): Heard
}

function senderTo(pool: Http2Pool): Under['send'] {
  return (changes = {}, heard = new Heard()) => {
    heard.attempt = pool.send({ method: 'GET', path: '/', fields: ['Host', 'a.example'], body: null, upgrade: undefined, acceptsTrailers: false, firstByteMs: 5000, idleMs: 5000, ...changes }, heard)
    return heard
  }
}

async function start(t: TestContext, limits: Partial<Http2PoolLimits> = {}, settings: object = {}): Promise<Under> {
  const endpoint = new Endpoint(createServer({ settings }))
  const pool = new Http2Pool({ origin: `http://127.0.0.1:${await endpoint.listen()}`, connectMs: 1000, limits })
  t.after(() => {
    pool.destroy()
    endpoint.stop()
  })
  return { endpoint, pool, send: senderTo(pool) }
}

const over = (heard: Heard) => waitUntil(() => heard.isOver, { everyMs: 2, what: 'the end of an attempt' })

test('requests share one connection, and heads are turned into those of HTTP/2', async (t) => {
  const { endpoint, pool, send } = await start(t)
  const seen: IncomingHttpHeaders[] = []
  endpoint.script = (stream, headers) => {
    seen.push(headers)
    stream.respond([':status', '201', 'x-a', '1', 'x-a', '2'])
    stream.end('made')
  }
  const all = Array.from({ length: 50 }, () => send({ path: '/x?a=1', fields: ['Host', 'a.example:81', 'Connection', 'TE', 'TE', 'trailers', 'X-Mine', '1', 'X-Mine', '2'] }))
  for (const heard of all) {
    await over(heard)
    assert.deepEqual([heard.status, heard.body], [201, 'made'])
  }
  assert.equal(all[0]!.fields.join().startsWith('x-a,1,x-a,2'), true)
  assert.equal(endpoint.accepted, 1)
  assert.deepEqual([seen[0]![':method'], seen[0]![':path'], seen[0]![':authority'], seen[0]![':scheme'], seen[0]!['te'], seen[0]!['x-mine'], seen[0]!['connection']], ['GET', '/x?a=1', 'a.example:81', 'http', 'trailers', '1, 2', undefined])
  await waitUntil(() => pool.counts.streams === 0)
  assert.deepEqual(pool.counts, { sessions: 1, streams: 0, waiting: 0 })
})

test('an endpoint gets no more streams at once than it allows, on as many connections as it takes', async (t) => {
  const { endpoint, send } = await start(t, {}, { maxConcurrentStreams: 5 })
  const open = new Map<ServerHttp2Session, number>()
  let most = 0
  let release = (): void => undefined
  const may = new Promise<void>((resolve) => (release = resolve))
  endpoint.script = (stream) => {
    const session = stream.session as ServerHttp2Session
    const now = (open.get(session) ?? 0) + 1
    open.set(session, now)
    most = Math.max(most, now)
    stream.on('close', () => open.set(session, open.get(session)! - 1))
    void may.then(() => {
      stream.respond({ ':status': 200 })
      stream.end()
    })
  }
  const all = Array.from({ length: 23 }, () => send())
  await waitUntil(() => endpoint.requests === 23)
  release()
  for (const heard of all) await over(heard)
  assert.equal(most, 5)
  assert.equal(endpoint.accepted, 5)
  assert.ok(all.every(({ status }) => status === 200))
})

test('beyond its connections a request waits for room', async (t) => {
  const { endpoint, send } = await start(t, { maxSessions: 1 }, { maxConcurrentStreams: 2 })
  const all = Array.from({ length: 20 }, () => send())
  for (const heard of all) await over(heard)
  assert.ok(all.every(({ body }) => body === 'ok'))
  assert.equal(endpoint.accepted, 1)
})

test('a body goes as fast as the endpoint reads it, and trailer fields come back', async (t) => {
  const { endpoint, send } = await start(t)
  let go = (): void => undefined
  endpoint.script = (stream) => {
    let bytes = 0
    stream.pause()
    go = () => stream.resume()
    stream.on('data', (piece: Buffer) => (bytes += piece.length))
    stream.pause()
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(bytes) }))
      stream.end()
    })
  }
  let made = 0
  const body = new Readable({
    read() {
      made += 65_536
      this.push(made > 20_000_000 ? null : Buffer.alloc(65_536))
    },
  })
  const heard = send({ method: 'POST', body })
  let last = -1
  await waitUntil(() => {
    const still = made === last
    last = made
    return still && made > 0
  }, { everyMs: 100 })
  assert.ok(made < 5_000_000, `${made} bytes were taken for an endpoint that reads none`)
  go()
  await over(heard)
  assert.deepEqual(heard.trailers, ['x-sum', String(305 * 65_536)])
})

test('an attempt that is paused holds the endpoint back', async (t) => {
  const { endpoint, send } = await start(t)
  let sent = 0
  endpoint.script = (stream) => {
    stream.respond({ ':status': 200 })
    const more = (): void => {
      while (sent < 20_000_000) {
        sent += 65_536
        if (!stream.write(Buffer.alloc(65_536))) return void stream.once('drain', more)
      }
      stream.end()
    }
    more()
  }
  const heard = new Heard()
  heard.pausesAfter = 1
  send({}, heard)
  let last = -1
  await waitUntil(() => {
    const still = sent === last
    last = sent
    return still && sent > 0
  }, { everyMs: 100 })
  assert.ok(sent < 5_000_000, `${sent} bytes were sent to nobody`)
  heard.pausesAfter = Infinity
  heard.attempt!.resume()
  await over(heard)
  assert.equal(heard.bytes, sent)
})

test('a response that is nothing but its head says so', async (t) => {
  const { endpoint, send } = await start(t)
  endpoint.script = (stream) => stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true })
  const heard = send()
  await over(heard)
  assert.equal(heard.isWhole, true)
})

test('an endpoint that says GOAWAY loses nothing: what it did not look at goes out again', async (t) => {
  const { endpoint, send } = await start(t)
  let turn = 0
  endpoint.script = (stream) => {
    if (++turn % 23 === 0) {
      // What comes behind this stream it will not look at.
      stream.session!.goaway(constants.NGHTTP2_NO_ERROR, stream.id!)
      setImmediate(() => stream.session?.close())
    }
    stream.respond({ ':status': 200 })
    stream.end('ok')
  }
  const lane = async (): Promise<number[]> => {
    const statuses: number[] = []
    for (let count = 0; count < 25; count++) {
      const heard = send()
      await over(heard)
      statuses.push(heard.failure === undefined ? heard.status : Number.NaN)
    }
    return statuses
  }
  const all = (await Promise.all(Array.from({ length: 8 }, lane))).flat()
  assert.deepEqual(all, Array.from({ length: 200 }, () => 200))
  assert.ok(endpoint.accepted > 5, `${endpoint.accepted} connections`)
})

test('a stream that is refused goes out again, but not without end', async (t) => {
  const { endpoint, send } = await start(t)
  const once = endpoint.script
  endpoint.script = (stream) => {
    endpoint.script = once
    stream.close(constants.NGHTTP2_REFUSED_STREAM)
  }
  const heard = send({ method: 'POST' })
  await over(heard)
  assert.equal(heard.body, 'ok')
  endpoint.script = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM)
  const refused = send()
  await over(refused)
  assert.deepEqual(refused.failure, { code: 'upstream.reset', sent: false })
})

test('a stream that breaks off is a failure, before its head and behind it, by whatever code', async (t) => {
  const { endpoint, send } = await start(t)
  for (const code of [constants.NGHTTP2_INTERNAL_ERROR, constants.NGHTTP2_NO_ERROR]) {
    endpoint.script = (stream) => stream.close(code)
    const early = send({ method: 'POST' })
    await over(early)
    assert.deepEqual(early.failure, { code: 'upstream.reset', sent: true })
    endpoint.script = (stream) => {
      stream.respond({ ':status': 200, 'content-length': '100' })
      stream.write('half')
      setImmediate(() => stream.close(code))
    }
    const late = send()
    await over(late)
    assert.equal(late.failure?.code, 'upstream.reset')
  }
})

test('a connection that is closed under requests: those that may go out again do', async (t) => {
  const { endpoint, send } = await start(t)
  await over(send())
  const answers = endpoint.script
  endpoint.script = (stream) => {
    endpoint.script = answers
    stream.session!.destroy()
  }
  const repeated = send()
  await over(repeated)
  assert.equal(repeated.body, 'ok')
  endpoint.script = (stream) => stream.session!.destroy()
  const not = send({ method: 'POST' })
  await over(not)
  assert.deepEqual(not.failure, { code: 'upstream.reset', sent: true })
})

test('deadlines: for the connection, the head, and between two pieces', async (t) => {
  const { endpoint, send } = await start(t)
  endpoint.script = () => undefined
  const silent = send({ firstByteMs: 100 })
  await over(silent)
  assert.equal(silent.failure?.code, 'upstream.response_timeout')
  endpoint.script = (stream) => {
    stream.respond({ ':status': 200 })
    stream.write('some')
  }
  const stuck = send({ idleMs: 100 })
  await over(stuck)
  assert.equal(stuck.failure?.code, 'upstream.idle_timeout')

  const mute = createNetServer(() => undefined)
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  const pool = new Http2Pool({ origin: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`, connectMs: 150 })
  t.after(() => {
    pool.destroy()
    mute.close()
  })
  const waits = senderTo(pool)()
  await over(waits)
  assert.deepEqual(waits.failure, { code: 'upstream.connect_timeout', sent: false })
})

test('what cannot be connected to, or does not speak HTTP/2, is told as that', async (t) => {
  const nobody = new Http2Pool({ origin: `http://127.0.0.1:${await freePort()}`, connectMs: 1000 })
  const other = createNetServer((socket) => void socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'))
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const old = new Http2Pool({ origin: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, connectMs: 1000 })
  t.after(() => {
    nobody.destroy()
    old.destroy()
    other.close()
  })
  const refused = senderTo(nobody)()
  await over(refused)
  assert.deepEqual(refused.failure, { code: 'upstream.connect_refused', sent: false })
  const misunderstood = senderTo(old)()
  await over(misunderstood)
  assert.deepEqual(misunderstood.failure, { code: 'upstream.bad_response', sent: false })
})

test('over TLS it is chosen by ALPN, and an endpoint without it is told as that', async (t) => {
  const made = makeCertificate({ names: ['127.0.0.1'] })
  const endpoint = new Endpoint(createSecureServer({ ...made }))
  const tls = { key: 'test', context: createSecureContext({ ca: made.cert }), serverName: undefined }
  const pool = new Http2Pool({ origin: `https://127.0.0.1:${await endpoint.listen()}`, connectMs: 1000, tls })
  const { createServer: createTlsServer } = await import('node:tls')
  const old = createTlsServer({ ...made, ALPNProtocols: ['http/1.1'] }).listen(0, '127.0.0.1')
  await waitUntil(() => old.listening)
  const oldPool = new Http2Pool({ origin: `https://127.0.0.1:${(old.address() as AddressInfo).port}`, connectMs: 1000, tls })
  t.after(() => {
    pool.destroy()
    oldPool.destroy()
    endpoint.stop()
    old.close()
  })
  const heard = senderTo(pool)()
  await over(heard)
  assert.equal(heard.body, 'ok')
  const failed = senderTo(oldPool)()
  await over(failed)
  assert.deepEqual(failed.failure, { code: 'upstream.tls_failed', sent: false })
})

/** Passes bytes until it is told to hold its breath. */
async function startRelay(t: TestContext, port: number): Promise<{ port: number; freeze(): void }> {
  const pairs: [Socket, Socket][] = []
  let accepting = true
  const relay = createNetServer((socket) => {
    if (!accepting) return
    const other = connect(port, '127.0.0.1')
    pairs.push([socket, other])
    socket.on('error', () => other.destroy()).on('close', () => other.destroy()).pipe(other)
    other.on('error', () => socket.destroy()).on('close', () => socket.destroy()).pipe(socket)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const [socket] of pairs) socket.destroy()
    relay.close()
  })
  return {
    port: (relay.address() as AddressInfo).port,
    freeze: () => {
      for (const [socket, other] of pairs.splice(0)) {
        socket.unpipe()
        other.unpipe()
      }
      accepting = true
    },
  }
}

test('a connection over which nothing comes any more is given up, and its requests go out on another', async (t) => {
  const endpoint = new Endpoint(createServer())
  const relay = await startRelay(t, await endpoint.listen())
  const pool = new Http2Pool({ origin: `http://127.0.0.1:${relay.port}`, connectMs: 1000, limits: { quietMs: 20, pingMs: 150 } })
  t.after(() => {
    pool.destroy()
    endpoint.stop()
  })
  const send = senderTo(pool)
  await over(send())
  relay.freeze()
  await waitUntil(() => true, { everyMs: 1 })
  const began = performance.now()
  await waitUntil(() => performance.now() - began > 30, { everyMs: 5 })
  const heard = send()
  await over(heard)
  assert.equal(heard.body, 'ok')
  assert.equal(endpoint.accepted, 2)
})

test('a connection that nobody uses is closed after a while', async (t) => {
  const { endpoint, pool, send } = await start(t, { idleMs: 50 })
  await over(send())
  await waitUntil(() => pool.counts.sessions === 0 && endpoint.sessions.size === 0)
  await over(send())
  assert.equal(endpoint.accepted, 2)
})

test('a pool that closes lets what runs finish', async (t) => {
  const { endpoint, pool, send } = await start(t)
  let finish = (): void => undefined
  endpoint.script = (stream) => {
    stream.respond({ ':status': 200 })
    finish = () => void stream.end('late')
  }
  const heard = send()
  await waitUntil(() => heard.status === 200)
  let isClosed = false
  const closed = pool.close().then(() => (isClosed = true))
  assert.equal(isClosed, false)
  finish()
  await over(heard)
  assert.equal(heard.body, 'late')
  await closed
})

test('an attempt that is given up ends its stream, and is heard of no more', async (t) => {
  const { endpoint, pool, send } = await start(t)
  let code: number | undefined
  endpoint.script = (stream) => void stream.on('close', () => (code = stream.rstCode))
  const heard = send()
  await waitUntil(() => endpoint.requests === 1)
  heard.attempt!.abort()
  await waitUntil(() => code === constants.NGHTTP2_CANCEL && pool.counts.streams === 0)
  assert.equal(heard.isOver, false)
})
