import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, waitUntil } from '@sluice/testkit'
import { plainAnswer, RawUpstream } from '../../test/raw-upstream.ts'
import { EnginePool, enginePoolLimits, type EnginePoolLimits } from './engine-pool.ts'
import type { Attempt, AttemptHandler, AttemptRequest } from './upstream-client.ts'

/** What an attempt heard, in order. */
class Heard implements AttemptHandler {
  readonly events: string[] = []
  attempt: Attempt | undefined
  body = ''
  trailers: readonly string[] | undefined
  failure: { code: string; sent: boolean } | undefined
  isOver = false

  onHead(status: number): void {
    this.events.push(`head ${status}`)
  }

  onData(chunk: Uint8Array): void {
    this.events.push('data')
    this.body += Buffer.from(chunk).toString('latin1')
  }

  onEnd(trailers?: readonly string[]): void {
    this.events.push('end')
    this.trailers = trailers
    this.isOver = true
  }

  onUpgrade(): void {
    this.events.push('upgrade')
    this.isOver = true
  }

  onFailure(code: string, sent: boolean): void {
    this.events.push(code)
    this.failure = { code, sent }
    this.isOver = true
  }
}

interface Under {
  readonly upstream: RawUpstream
  readonly pool: EnginePool
  send(changes?: Partial<AttemptRequest>, heard?: Heard): Heard
}

async function start(t: TestContext, limits: Partial<EnginePoolLimits> = {}): Promise<Under> {
  const upstream = await RawUpstream.start(t)
  const pool = new EnginePool({ origin: upstream.url, connectMs: 500, limits: { ...enginePoolLimits, ...limits } })
  t.after(() => pool.destroy())
  return {
    upstream,
    pool,
    send: (changes = {}, heard = new Heard()) => {
      heard.attempt = pool.send({ method: 'GET', path: '/', fields: ['Host', 'a'], body: null, upgrade: undefined, acceptsTrailers: false, firstByteMs: 2000, idleMs: 2000, ...changes }, heard)
      return heard
    },
  }
}

const over = (heard: Heard) => waitUntil(() => heard.isOver, { everyMs: 2, what: 'the end of an attempt' })
const response = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const say = (text: string) => (socket: Socket) => void socket.write(text, 'latin1')

test('a connection carries one request after another', async (t) => {
  const { upstream, pool, send } = await start(t)
  for (let count = 0; count < 3; count++) {
    const heard = send()
    await over(heard)
    assert.equal(heard.body, 'ok')
  }
  assert.equal(upstream.accepted, 1)
  assert.deepEqual(pool.counts, { busy: 0, idle: 1, waiting: 0 })
})

test('a request that can be repeated goes out again when its kept-alive connection was just being closed', async (t) => {
  const { upstream, send } = await start(t)
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
    upstream.script = plainAnswer
    await over(send())
    // The upstream closes without an answer the connection on which the next request comes, and only that one.
    upstream.script = (socket) => {
      upstream.script = plainAnswer
      socket.destroy()
    }
    const heard = send({ method })
    await over(heard)
    assert.deepEqual(heard.events.filter((event) => event !== 'data'), ['head 200', 'end'], method)
  }
})

test('one that cannot be repeated is reported, and so is one on a new connection', async (t) => {
  const { upstream, send } = await start(t)
  await over(send())
  upstream.script = (socket) => void socket.destroy()
  const [unsafe, withBody] = [send({ method: 'POST' }), send({ method: 'PUT', fields: ['Host', 'a', 'Content-Length', '2'], body: Readable.from([Buffer.from('hi')]) })]
  await Promise.all([over(unsafe), over(withBody)])
  assert.deepEqual(unsafe.failure, { code: 'upstream.reset', sent: true })
  assert.deepEqual(withBody.failure, { code: 'upstream.reset', sent: true })
  const fresh = send()
  await over(fresh)
  assert.deepEqual(fresh.failure, { code: 'upstream.reset', sent: true })
})

test('a request is not repeated once a byte of a response was there', async (t) => {
  const { upstream, send } = await start(t)
  await over(send())
  upstream.script = (socket) => void socket.end('HTTP/1.1 20')
  const heard = send()
  await over(heard)
  assert.deepEqual(heard.events, ['upstream.reset'])
  assert.equal(upstream.requests.length, 2)
})

test('nothing is handed on while an attempt is paused, not even the end', async (t) => {
  for (const [what, bytes] of Object.entries({ length: response('hello'), none: 'HTTP/1.1 204 No Content\r\n\r\n', chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n' })) {
    const { upstream, send } = await start(t)
    upstream.script = say(bytes)
    const heard = new (class extends Heard {
      override onHead(status: number): void {
        super.onHead(status)
        this.attempt!.pause()
      }
    })()
    send({}, heard)
    await waitUntil(() => heard.events.length > 0, { everyMs: 2 })
    await sleep(30)
    assert.deepEqual(heard.events, ['head 200'.replace('200', what === 'none' ? '204' : '200')], what)
    heard.attempt!.resume()
    await over(heard)
    assert.equal(heard.body, what === 'none' ? '' : 'hello')
    upstream.script = plainAnswer
    const next = send()
    await over(next)
    assert.equal(next.body, 'ok', `the next request after ${what}`)
    assert.equal(upstream.accepted, 1)
  }
})

test('a body without a length that ends while its reader is paused is whole all the same', async (t) => {
  const { upstream, send } = await start(t)
  upstream.script = (socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nhello')
  const heard = new (class extends Heard {
    override onHead(status: number): void {
      super.onHead(status)
      this.attempt!.pause()
      setTimeout(() => this.attempt!.resume(), 50)
    }
  })()
  send({}, heard)
  await over(heard)
  assert.equal(heard.body, 'hello')
  assert.equal(heard.failure, undefined)
})

test('a reader that is slow is not the upstream being silent', async (t) => {
  const { upstream, send } = await start(t)
  upstream.script = say(response('x'.repeat(2_000_000)))
  const heard = new (class extends Heard {
    override onData(chunk: Uint8Array): void {
      super.onData(chunk)
      if (this.body.length > 500_000 && this.events.filter((event) => event === 'paused').length === 0) {
        this.events.push('paused')
        this.attempt!.pause()
        setTimeout(() => this.attempt!.resume(), 350)
      }
    }
  })()
  send({ idleMs: 100 }, heard)
  await over(heard)
  assert.equal(heard.failure, undefined)
  assert.equal(heard.body.length, 2_000_000)
})

test('an upstream that falls silent is timed out, before its head and inside its body', async (t) => {
  const { upstream, send } = await start(t)
  upstream.script = () => undefined
  const silent = send({ firstByteMs: 50 })
  await over(silent)
  assert.deepEqual(silent.failure, { code: 'upstream.response_timeout', sent: true })
  upstream.script = say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello')
  const stuck = send({ idleMs: 50 })
  await over(stuck)
  assert.deepEqual(stuck.events, ['head 200', 'data', 'upstream.idle_timeout'])
})

test('a client that sends its body slowly is not the upstream being silent', async (t) => {
  const { upstream, send } = await start(t)
  const body = new Readable({ read() {} })
  const heard = send({ method: 'POST', fields: ['Host', 'a', 'Content-Length', '2'], body, firstByteMs: 100 })
  body.push('h')
  await sleep(300)
  body.push('i')
  body.push(null)
  await over(heard)
  assert.equal(heard.body, 'ok')
  assert.match(upstream.requests[0]!.text, /\r\n\r\nhi$/)
})

test('an upstream that does not take the body is timed out', async (t) => {
  const { upstream, send } = await start(t)
  upstream.onBytes = (socket) => void socket.pause()
  const endless = new Readable({ read() { this.push(Buffer.alloc(64 * 1024)) } })
  const heard = send({ method: 'POST', fields: ['Host', 'a'], body: endless, idleMs: 100 })
  await over(heard)
  assert.deepEqual(heard.failure, { code: 'upstream.response_timeout', sent: true })
  endless.destroy()
})

test('a body without a length goes chunked, its trailer fields behind it', async (t) => {
  const { upstream, send } = await start(t)
  const body = Object.assign(Readable.from([Buffer.from('hello'), Buffer.from(' world')]), { trailers: ['X-Sum', '17', 'Host', 'evil'] })
  const heard = send({ method: 'POST', body })
  await over(heard)
  assert.match(upstream.requests[0]!.text, /\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 17\r\n\r\n$/)
})

test('trailer fields of a response come with its end', async (t) => {
  const { upstream, send } = await start(t)
  upstream.script = say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 17\r\n\r\n')
  const heard = send()
  await over(heard)
  assert.deepEqual(heard.trailers, ['X-Sum', '17'])
})

test('a response that comes before the request is all there ends it, and its connection', async (t) => {
  const { upstream, pool, send } = await start(t)
  let answered = false
  upstream.onBytes = (socket) => {
    if (!answered) socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig')
    answered = true
  }
  const body = new Readable({ read() {} })
  body.push('part')
  const heard = send({ method: 'POST', fields: ['Host', 'a', 'Content-Length', '1000'], body })
  await over(heard)
  assert.deepEqual(heard.events, ['head 413', 'data', 'end'])
  assert.deepEqual(pool.counts, { busy: 0, idle: 0, waiting: 0 })
  body.destroy()
})

test('a body that breaks off is the client having left, not the upstream', async (t) => {
  const { send } = await start(t)
  const body = new Readable({ read() {} })
  const heard = send({ method: 'POST', body })
  body.push('part')
  await sleep(20)
  body.destroy(new Error('gone'))
  await over(heard)
  assert.deepEqual(heard.failure, { code: 'client.aborted', sent: true })
})

test('an aborted attempt hears nothing more, and the upstream sees its connection end', async (t) => {
  const { upstream, pool, send } = await start(t)
  upstream.script = () => undefined
  const heard = send()
  await waitUntil(() => upstream.requests.length === 1)
  heard.attempt!.abort()
  await waitUntil(() => upstream.sockets.size === 0, { everyMs: 2 })
  assert.deepEqual(heard.events, [])
  assert.equal(pool.counts.busy, 0)
})

test('bytes that nobody asked for end an idle connection', async (t) => {
  const { upstream, pool, send } = await start(t)
  await over(send())
  for (const socket of upstream.sockets) socket.write(response('poison'))
  await waitUntil(() => pool.counts.idle === 0, { everyMs: 2 })
  const heard = send()
  await over(heard)
  assert.equal(heard.body, 'ok')
  assert.equal(upstream.accepted, 2)
})

test('an idle connection that the upstream closes is not used', async (t) => {
  const { upstream, pool, send } = await start(t)
  await over(send())
  for (const socket of upstream.sockets) socket.end()
  await waitUntil(() => pool.counts.idle === 0, { everyMs: 2 })
})

test('idle connections are closed when their time is over, and only so many are kept', async (t) => {
  const { pool, send } = await start(t, { idleMs: 60, maxIdle: 2 })
  await Promise.all(Array.from({ length: 5 }, () => over(send())))
  assert.equal(pool.counts.idle, 2)
  await waitUntil(() => pool.counts.idle === 0)
})

test('beyond the bound a request waits for a connection, in order', async (t) => {
  const { upstream, pool, send } = await start(t, { maxConnections: 2 })
  const waiting: Socket[] = []
  upstream.script = (socket) => void waiting.push(socket)
  const heard = Array.from({ length: 5 }, () => send())
  await waitUntil(() => waiting.length === 2)
  assert.deepEqual(pool.counts, { busy: 2, idle: 0, waiting: 3 })
  heard[3]!.attempt!.abort()
  assert.equal(pool.counts.waiting, 2)
  upstream.script = plainAnswer
  for (const socket of waiting) socket.write(response('ok'))
  await Promise.all([0, 1, 2, 4].map((index) => over(heard[index]!)))
  assert.equal(upstream.accepted, 2)
  assert.deepEqual(heard[3]!.events, [])
})

test('a request that waits too long, or finds too many waiting, is refused with nothing sent', async (t) => {
  const upstream = await RawUpstream.start(t)
  upstream.script = () => undefined
  const pool = new EnginePool({ origin: upstream.url, connectMs: 80, limits: { ...enginePoolLimits, maxConnections: 1, maxWaiting: 1 } })
  t.after(() => pool.destroy())
  const request: AttemptRequest = { method: 'GET', path: '/', fields: ['Host', 'a'], body: null, upgrade: undefined, acceptsTrailers: false, firstByteMs: 5000, idleMs: 5000 }
  const heard = [new Heard(), new Heard(), new Heard()]
  for (const one of heard) one.attempt = pool.send(request, one)
  assert.deepEqual(heard[2]!.events, [], 'the caller has its attempt first')
  await over(heard[2]!)
  await over(heard[1]!)
  assert.deepEqual(heard.map(({ failure }) => failure), [undefined, { code: 'upstream.overloaded', sent: false }, { code: 'upstream.overloaded', sent: false }])
})

test('a connection that is lost makes room for one that waits', async (t) => {
  const { upstream, send } = await start(t, { maxConnections: 1 })
  upstream.script = (socket) => {
    upstream.script = plainAnswer
    socket.destroy()
  }
  const [lost, next] = [send({ method: 'POST' }), send()]
  await Promise.all([over(lost), over(next)])
  assert.equal(lost.failure?.code, 'upstream.reset')
  assert.equal(next.body, 'ok')
})

test('closing lets what runs finish, whether it ends well or not', async (t) => {
  for (const ending of ['answer', 'break'] as const) {
    const { upstream, pool, send } = await start(t)
    await over(send())
    let socketOfRequest: Socket | undefined
    upstream.script = (socket) => void (socketOfRequest = socket)
    const heard = send({ method: 'POST' })
    await waitUntil(() => socketOfRequest)
    let isClosed = false
    const closed = pool.close().then(() => (isClosed = true))
    await sleep(20)
    assert.equal(isClosed, false)
    if (ending === 'answer') socketOfRequest!.write(response('ok'))
    else socketOfRequest!.destroy()
    await closed
    assert.equal(heard.isOver, true)
    await waitUntil(() => upstream.sockets.size === 0)
  }
})

test('nobody listening is a refused connection, with nothing sent', async (t) => {
  const pool = new EnginePool({ origin: `http://127.0.0.1:${await freePort()}`, connectMs: 500 })
  t.after(() => pool.destroy())
  const heard = new Heard()
  pool.send({ method: 'GET', path: '/', fields: ['Host', 'a'], body: null, upgrade: undefined, acceptsTrailers: false, firstByteMs: 500, idleMs: 500 }, heard)
  await over(heard)
  assert.deepEqual(heard.failure, { code: 'upstream.connect_refused', sent: false })
})
