import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, before, describe, it } from 'node:test'
import {
  credentials, makeGenericClientConstructor, Metadata, Server, ServerCredentials, status as grpcStatus,
  type Client, type ClientDuplexStream, type ClientReadableStream, type ClientWritableStream, type ServerDuplexStream, type ServerReadableStream,
  type ServerUnaryCall, type ServerWritableStream, type sendUnaryData, type ServiceDefinition, type ServiceError, type StatusObject,
} from '@grpc/grpc-js'
import { freePort, makeCertificate, suiteCleanup, waitUntil } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['127.0.0.1', 'localhost'] })

const raw = { requestSerialize: (value: Buffer) => value, requestDeserialize: (value: Buffer) => value, responseSerialize: (value: Buffer) => value, responseDeserialize: (value: Buffer) => value }
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({ path: `/test.Echo/${name}`, requestStream, responseStream, ...raw })
const service = {
  Unary: method('Unary', false, false), Down: method('Down', false, true), Up: method('Up', true, false), Both: method('Both', true, true),
  Slow: method('Slow', false, false), Ends: method('Ends', true, true), Closed: method('Closed', false, false), Limited: method('Limited', false, false), Nowhere: method('Nowhere', false, false),
} satisfies ServiceDefinition

interface Echo extends Client {
  Unary(data: Buffer, metadata: Metadata, options: { deadline?: number }, callback: (error: ServiceError | null, reply?: Buffer) => void): ReturnType<Client['makeUnaryRequest']>
  Slow: Echo['Unary']
  Closed: Echo['Unary']
  Limited: Echo['Unary']
  Nowhere: Echo['Unary']
  Down(data: Buffer, options?: { deadline?: number }): ClientReadableStream<Buffer>
  Up(callback: (error: ServiceError | null, reply?: Buffer) => void): ClientWritableStream<Buffer>
  Both(): ClientDuplexStream<Buffer, Buffer>
  Ends(): ClientDuplexStream<Buffer, Buffer>
}
const EchoClient = makeGenericClientConstructor(service, 'Echo') as unknown as new (address: string, channel: ReturnType<typeof credentials.createInsecure>, options?: object) => Echo

class Upstream {
  readonly server = new Server()
  readonly seen: Metadata[] = []
  readonly cancelled: string[] = []
  port = 0

  async start(channel: ServerCredentials): Promise<void> {
    this.server.addService(service, {
      Unary: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => this.unary(call, reply),
      Slow: (call: ServerUnaryCall<Buffer, Buffer>) => {
        this.seen.push(call.metadata)
        call.on('cancelled', () => this.cancelled.push('Slow'))
      },
      Down: (call: ServerWritableStream<Buffer, Buffer>) => {
        this.seen.push(call.metadata)
        call.on('cancelled', () => this.cancelled.push('Down'))
        for (let count = 0; count < Number(call.request.toString()); count++) call.write(Buffer.from(`${count}`))
        if (call.request.toString() === '3') call.end(new Metadata())
      },
      Up: (call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        let bytes = 0
        call.on('data', (piece: Buffer) => (bytes += piece.length))
        call.on('end', () => reply(null, Buffer.from(String(bytes))))
      },
      Both: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (piece: Buffer) => call.write(Buffer.from(piece.toString().toUpperCase())))
        call.on('end', () => call.end(new Metadata()))
      },
      Ends: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.write(Buffer.from('enough'))
        call.emit('error', { code: grpcStatus.ABORTED, details: 'no more of this' })
      },
      Closed: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => this.unary(call, reply),
      Limited: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => this.unary(call, reply),
      Nowhere: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => this.unary(call, reply),
    })
    this.port = await new Promise((resolve, reject) => this.server.bindAsync('127.0.0.1:0', channel, (error, port) => (error === null ? resolve(port) : reject(error))))
  }

  private unary(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void {
    this.seen.push(call.metadata)
    const text = call.request.toString()
    if (text === 'fail') return reply({ code: grpcStatus.FAILED_PRECONDITION, details: 'not now: 100 % größer', metadata: metadataOf({ 'x-why': 'because' }) })
    const first = new Metadata()
    first.set('x-first', 'head')
    call.sendMetadata(first)
    reply(null, call.request, metadataOf({ 'x-last': 'trailer', 'data-bin': Buffer.from([0, 255]) }))
  }
}

function metadataOf(values: Record<string, string | Buffer>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(values)) metadata.set(name, value)
  return metadata
}

/** Its end, well or badly. */
function statusOf(stream: { on(event: 'status', heard: (status: StatusObject) => void): unknown }): Promise<StatusObject> {
  return new Promise((resolve) => stream.on('status', resolve))
}

describe('an edge carries gRPC', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const clients: Echo[] = []
  const plain = new Upstream()
  const secure = new Upstream()
  let under: EdgeUnderTest
  let plainPort: number
  let securePort: number

  before(async () => {
    await plain.start(ServerCredentials.createInsecure())
    await secure.start(ServerCredentials.createSsl(null, [{ private_key: Buffer.from(made.key), cert_chain: Buffer.from(made.cert) }]))
    whole.after(() => plain.server.forceShutdown())
    whole.after(() => secure.server.forceShutdown())
    plainPort = await freePort()
    securePort = await freePort()
    const { listeners, secrets } = secureListener(securePort, [made])
    under = await startEdge(whole, {
      listeners: { ...listeners, http: { address: `127.0.0.1:${plainPort}`, h2c: true } },
      secrets: { ...secrets, 'file:ca.pem': made.cert },
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: {
        plain: { endpoints: [{ url: `http://127.0.0.1:${plain.port}` }], protocol: 'http2', timeouts: { requestMs: 300 } },
        secure: { endpoints: [{ url: `https://127.0.0.1:${secure.port}` }], protocol: 'http2', tls: { caFile: 'ca.pem' } },
        gone: { endpoints: [{ url: `http://127.0.0.1:${await freePort()}` }], protocol: 'http2' },
      },
      routes: [
        { name: 'plain', match: { pathPrefix: '/test.Echo' }, upstream: 'plain' },
        { name: 'secure', match: { pathPrefix: '/test.Echo', headers: { 'x-to': 'secure' } }, upstream: 'secure' },
        { name: 'closed', match: { path: '/test.Echo/Closed' }, upstream: 'plain', policies: [{ 'key-auth': {} }] },
        { name: 'limited', match: { path: '/test.Echo/Limited' }, upstream: 'plain', policies: [{ 'rate-limit': { limit: 1, windowSeconds: 3600, key: 'route' } }] },
        { name: 'gone', match: { pathPrefix: '/test.Echo', headers: { 'x-to': 'gone' } }, upstream: 'gone' },
      ],
    }, { port: plainPort })
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.close()
  })

  function overPlain(): Echo {
    return keep(new EchoClient(`127.0.0.1:${plainPort}`, credentials.createInsecure()))
  }

  function overTls(): Echo {
    return keep(new EchoClient(`127.0.0.1:${securePort}`, credentials.createSsl(Buffer.from(made.cert)), { 'grpc.ssl_target_name_override': 'localhost' }))
  }

  function keep(client: Echo): Echo {
    clients.push(client)
    return client
  }

  function call(client: Echo, name: 'Unary' | 'Slow' | 'Closed' | 'Limited' | 'Nowhere', text: string, metadata = new Metadata(), options: { deadline?: number } = {}) {
    return new Promise<{ error: ServiceError | null; reply: string | undefined; first: Metadata | undefined; last: StatusObject | undefined }>((resolve) => {
      let first: Metadata | undefined
      let ended: { error: ServiceError | null; reply: string | undefined } | undefined
      let last: StatusObject | undefined
      const tell = (): void => {
        if (ended !== undefined && last !== undefined) resolve({ ...ended, first, last })
      }
      const running = client[name](Buffer.from(text), metadata, options, (error, reply) => {
        ended = { error, reply: reply?.toString() }
        tell()
      })
      running.on('metadata', (fields: Metadata) => (first = fields))
      running.on('status', (status: StatusObject) => {
        last = status
        tell()
      })
    })
  }

  const log = async () => (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)

  for (const [name, open, to] of [['TLS to plain', overTls, 'plain'], ['plain to TLS', overPlain, 'secure']] as const) {
    it(`unary calls pass with their metadata, ${name}`, async () => {
      const client = open()
      const answered = await call(client, 'Unary', 'hello', metadataOf({ 'x-to': to, 'x-mine': 'yes', 'token-bin': Buffer.from([1, 2]) }))
      assert.equal(answered.error, null)
      assert.equal(answered.reply, 'hello')
      assert.deepEqual(answered.first?.get('x-first'), ['head'])
      assert.match(String(answered.first?.get('x-request-id')[0]), /^[0-9A-Z]{26}$/)
      assert.deepEqual(answered.last?.metadata.get('x-last'), ['trailer'])
      assert.deepEqual(answered.last?.metadata.get('data-bin'), [Buffer.from([0, 255])])
      const seen = (to === 'plain' ? plain : secure).seen.at(-1)!
      assert.deepEqual(seen.get('x-mine'), ['yes'])
      assert.deepEqual(seen.get('token-bin'), [Buffer.from([1, 2])])
      assert.deepEqual(seen.get('x-forwarded-for'), ['127.0.0.1'])
      const big = 'x'.repeat(3_000_000)
      assert.equal((await call(client, 'Unary', big, metadataOf({ 'x-to': to }))).reply, big)
    })
  }

  it("a service's own error passes as it is", async () => {
    for (const client of [overTls(), overPlain()]) {
      const { error, last } = await call(client, 'Unary', 'fail')
      assert.deepEqual([error?.code, error?.details], [grpcStatus.FAILED_PRECONDITION, 'not now: 100 % größer'])
      assert.deepEqual(last?.metadata.get('x-why'), ['because'])
    }
  })

  it('a stream from the service, one to it, and one both ways', async () => {
    const client = overTls()
    const down = client.Down(Buffer.from('3'))
    const got: string[] = []
    down.on('data', (piece: Buffer) => void got.push(piece.toString()))
    const ended = await statusOf(down)
    assert.deepEqual([ended.code, got], [grpcStatus.OK, ['0', '1', '2']])

    const up = await new Promise<string | undefined>((resolve, reject) => {
      const stream = client.Up((error, reply) => (error === null ? resolve(reply?.toString()) : reject(error)))
      for (let count = 0; count < 50; count++) stream.write(Buffer.alloc(10_000))
      stream.end()
    })
    assert.equal(up, '500000')

    const both = client.Both()
    for (const word of ['one', 'two', 'three']) {
      const next = once(both, 'data') as Promise<[Buffer]>
      both.write(Buffer.from(word))
      assert.equal((await next)[0].toString(), word.toUpperCase())
    }
    const status = statusOf(both)
    both.end()
    assert.equal((await status).code, grpcStatus.OK)
  })

  it('a service that ends a conversation before its client does is understood', async () => {
    const client = overPlain()
    for (let count = 0; count < 20; count++) {
      const stream = client.Ends()
      const got: string[] = []
      stream.on('data', (piece: Buffer) => void got.push(piece.toString()))
      stream.on('error', () => undefined)
      const { code, details } = await statusOf(stream)
      assert.deepEqual([code, details, got], [grpcStatus.ABORTED, 'no more of this', ['enough']])
    }
  })

  it('a hundred calls at once share their connections', async () => {
    const client = overTls()
    const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => call(client, 'Unary', `call ${index}`)))
    assert.deepEqual(replies.map(({ reply }) => reply), Array.from({ length: 100 }, (_, index) => `call ${index}`))
  })

  it('a deadline is told to the service, shortened, and kept when the service does not', async () => {
    const client = overTls()
    const ended = await call(client, 'Slow', '', new Metadata(), { deadline: Date.now() + 500 })
    assert.equal(ended.error?.code, grpcStatus.DEADLINE_EXCEEDED)
    const seen = String(plain.seen.at(-1)!.get('grpc-timeout')[0] ?? '')
    // grpc-js takes the field for itself; that the service is called off is what counts.
    assert.match(seen, /^(\d+m)?$/)
    await waitUntil(() => plain.cancelled.includes('Slow'))
  })

  it('without a deadline a call may take longer than requestMs', async () => {
    const client = overPlain()
    const running = client.Both()
    const first = once(running, 'data')
    running.write(Buffer.from('one'))
    await first
    // The upstream's requestMs is 300.
    const began = performance.now()
    await waitUntil(() => performance.now() - began > 700)
    const next = once(running, 'data') as Promise<[Buffer]>
    running.write(Buffer.from('two'))
    assert.equal((await next)[0].toString(), 'TWO')
    running.end()
    await statusOf(running)
  })

  it("the gateway's own errors are told in gRPC's words, and logged in HTTP's", async () => {
    const client = overTls()
    const closed = await call(client, 'Closed', '')
    assert.equal(closed.error?.code, grpcStatus.UNAUTHENTICATED)
    assert.match(closed.error?.details ?? '', /\(policy\.unauthenticated\)$/)
    const line = await waitUntil(async () => (await log()).find((one) => one['path'] === '/test.Echo/Closed'))
    assert.deepEqual([line['status'], line['reason']], [401, 'policy.unauthenticated'])

    assert.equal((await call(client, 'Limited', 'one')).reply, 'one')
    assert.equal((await call(client, 'Limited', 'two')).error?.code, grpcStatus.RESOURCE_EXHAUSTED)

    const gone = await call(client, 'Unary', '', metadataOf({ 'x-to': 'gone' }))
    assert.equal(gone.error?.code, grpcStatus.UNAVAILABLE)
    assert.match(gone.error?.details ?? '', /\(upstream\.connect_refused\)$/)
  })

  it('a client that gives up ends the call at the service', async () => {
    plain.cancelled.length = 0
    const stream = overTls().Down(Buffer.from('5'))
    stream.on('error', () => undefined)
    await once(stream, 'data')
    stream.cancel()
    await waitUntil(() => plain.cancelled.includes('Down'))
    await waitUntil(async () => (await log()).some((line) => line['path'] === '/test.Echo/Down' && line['status'] === 499))
  })

  it('a service that dies in the middle of a stream is UNAVAILABLE', async (t) => {
    const doomed = new Upstream()
    await doomed.start(ServerCredentials.createInsecure())
    t.after(() => doomed.server.forceShutdown())
    const port = await freePort()
    const ends: (() => void | Promise<void>)[] = []
    t.after(async () => {
      for (const end of ends) await end()
    })
    await startEdge({ after: (clearUp) => void ends.push(clearUp) }, {
      listeners: { http: { address: `127.0.0.1:${port}`, h2c: true } },
      upstreams: { doomed: { endpoints: [{ url: `http://127.0.0.1:${doomed.port}` }], protocol: 'http2' } },
      routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'doomed' }],
    }, { port })
    const stream = keep(new EchoClient(`127.0.0.1:${port}`, credentials.createInsecure())).Down(Buffer.from('5'))
    stream.on('error', () => undefined)
    await once(stream, 'data')
    const status = statusOf(stream)
    stream.on('data', () => undefined)
    doomed.server.forceShutdown()
    assert.equal((await status).code, grpcStatus.UNAVAILABLE)
  })
})
