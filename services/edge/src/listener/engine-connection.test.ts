import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@sluice/testkit'
import { fieldOf, RawClient } from '../../test/raw-client.ts'
import { serveConnections, watcher } from '../../test/swept-connections.ts'
import type { ClientSide } from './client-side.ts'
import type { ConnectionLifetime } from './door-rules.ts'
import { EngineConnection } from './engine-connection.ts'
import { engineLimits, type EngineLimits } from './engine-limits.ts'

interface Under {
  readonly port: number
  readonly exchanges: ClientSide[]
  readonly connections: Set<EngineConnection>
  isDraining: boolean
  lifetime: ConnectionLifetime
}

/** A server whose connections are the engine's, swept often, with each exchange given to `onExchange`. */
async function serve(t: TestContext, onExchange: (client: ClientSide) => void, limits: Partial<EngineLimits> = {}): Promise<Under> {
  const connections = new Set<EngineConnection>()
  const under = { port: 0, exchanges: [] as ClientSide[], connections, isDraining: false, lifetime: { maxMs: Infinity, maxRequests: 0 } }
  const parts = {
    limits: () => ({ ...engineLimits, ...limits }),
    lifetime: () => under.lifetime,
    encrypted: false,
    healthPath: () => '/health',
    isServing: () => true,
    isDraining: () => under.isDraining,
    onExchange: (client: ClientSide) => {
      under.exchanges.push(client)
      onExchange(client)
    },
    onClosed: (connection: EngineConnection) => void connections.delete(connection),
    requestId: () => 'id',
  }
  under.port = await serveConnections(t, { allowHalfOpen: true, connections, open: (socket) => new EngineConnection(socket, parts), end: ({ socket }) => socket.destroy() })
  return under
}

async function open(t: TestContext, under: Under): Promise<RawClient> {
  const client = await RawClient.connect(under.port)
  t.after(() => client.destroy())
  return client
}

function answer(client: ClientSide, body = 'ok', status = 200): void {
  client.sendHead(status, ['Content-Length', String(body.length)], false)
  client.end(body)
}

const get = (path = '/', more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
const post = (length: number, more = '') => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n${more}\r\n`
const closed = (client: RawClient) => waitUntil(() => client.isClosed, { everyMs: 2, what: 'the connection to close' })
const answers = (client: RawClient, count: number) => waitUntil(() => client.responses().filter((response) => response.isComplete).length >= count, { everyMs: 2, what: `${count} responses` })

test('a head that trickles in is 408 when its time is over', async (t) => {
  const under = await serve(t, answer, { headMs: 100 })
  const client = await open(t, under)
  const trickle = setInterval(() => client.send('a'), 5)
  client.send('GET / HTTP/1.1\r\nX-A: ')
  await closed(client)
  clearInterval(trickle)
  assert.equal(client.responses()[0]?.status, 408)
  assert.equal(under.exchanges.length, 0)
})

test('a connection that says nothing is closed without a word', async (t) => {
  const under = await serve(t, (client) => answer(client), { headMs: 50, keepAliveMs: 50 })
  const [mute, served] = [await open(t, under), await open(t, under)]
  served.send(get())
  await Promise.all([closed(mute), closed(served)])
  assert.equal(mute.text, '')
  assert.equal(served.responses().length, 1)
})

test('an empty line by itself is not the beginning of a request', async (t) => {
  const under = await serve(t, (client) => answer(client), { headMs: 10_000, keepAliveMs: 50 })
  const client = await open(t, under)
  client.send(`${get()}\r\n`)
  await closed(client)
  assert.equal(client.responses().length, 1)
})

test('a body that stays away is reported as late', async (t) => {
  const codes: string[] = []
  const under = await serve(t, (client) => {
    client.watcher = watcher({ onBadBody: (code) => { codes.push(code); answer(client, code, 408) } })
    client.body(() => true).resume()
  }, { bodyMs: 50 })
  const client = await open(t, under)
  client.send(`${post(10)}part`)
  await closed(client)
  assert.deepEqual(codes, ['client.body_timeout'])
  assert.equal(client.responses()[0]?.status, 408)
})

test('a body that is here and waits for its reader is not late', async (t) => {
  const codes: string[] = []
  const under = await serve(t, (client) => (client.watcher = watcher({ onBadBody: (code) => codes.push(code) })), { bodyMs: 40 })
  const client = await open(t, under)
  client.send(`${post(10)}0123456789`)
  await waitUntil(() => under.exchanges.length === 1)
  await sleep(150)
  let bytes = 0
  const exchange = under.exchanges[0]!
  exchange.body((soFar) => (bytes = soFar) > 0).on('end', () => answer(exchange)).resume()
  await answers(client, 1)
  assert.equal(bytes, 10)
  assert.deepEqual(codes, [])
})

test('a client that takes nothing of its response is cut when its time is over', async (t) => {
  let isGone = false
  const piece = Buffer.alloc(64 * 1024)
  const under = await serve(t, (client) => {
    const sendOn = (): void => {
      while (client.send(piece));
    }
    client.watcher = watcher({ onClientGone: () => (isGone = true), onClientDrain: sendOn })
    client.sendHead(200, [], true)
    sendOn()
  }, { sendMs: 60 })
  const client = await open(t, under)
  client.socket.pause()
  client.send(get())
  await waitUntil(() => isGone, { everyMs: 2 })
  assert.equal(under.connections.size, 0)
})

test('five thousand requests at once that are answered at once', async (t) => {
  const under = await serve(t, (client) => answer(client, client.target))
  const client = await open(t, under)
  client.send(Array.from({ length: 5000 }, (_, index) => get(`/${index}`)).join(''))
  await waitUntil(() => client.text.endsWith('/4999'), { everyMs: 2 })
  assert.deepEqual(client.responses().map(({ body }) => body), Array.from({ length: 5000 }, (_, index) => `/${index}`))
})

test('a client that sends requests and takes no responses gets no further', async (t) => {
  const body = 'x'.repeat(256 * 1024)
  const under = await serve(t, (client) => answer(client, body))
  const client = await open(t, under)
  client.socket.pause()
  client.send(Array.from({ length: 100 }, () => get()).join(''))
  const served = () => under.exchanges.length
  await waitUntil(async () => {
    const before = served()
    await sleep(50)
    return before > 0 && served() === before
  })
  assert.ok(served() < 50, `${served()} answered into nowhere`)
  client.socket.resume()
  await waitUntil(() => served() === 100)
})

test('what is sent ahead while an exchange runs waits in the kernel, all but one read of it', async (t) => {
  const under = await serve(t, () => undefined)
  const client = await open(t, under)
  client.send(get())
  await waitUntil(() => under.exchanges.length === 1)
  const [connection] = under.connections
  const bytesBefore = connection!.socket.bytesRead
  client.send('GET /x HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100_000))
  await waitUntil(async () => {
    const before = connection!.socket.bytesRead
    await sleep(50)
    return before > bytesBefore && connection!.socket.bytesRead === before
  })
  assert.ok(connection!.socket.bytesRead - bytesBefore <= 256 * 1024, `${connection!.socket.bytesRead} bytes were read`)
  assert.equal(under.exchanges.length, 1)
})

test('100 is sent when the body is wanted, and not before', async (t) => {
  const under = await serve(t, () => undefined)
  const client = await open(t, under)
  client.send(post(2, 'Expect: 100-continue\r\n'))
  await waitUntil(() => under.exchanges.length === 1)
  await client.quiet(20)
  assert.equal(client.text, '')
  const [exchange] = under.exchanges
  exchange!.body(() => true).on('end', () => answer(exchange!)).resume()
  await waitUntil(() => client.text === 'HTTP/1.1 100 Continue\r\n\r\n', { everyMs: 2 })
  client.send('hi')
  await answers(client, 2)
})

test('the rest of a body that nobody wants has only so much time', async (t) => {
  const under = await serve(t, (client) => answer(client), { discardMs: 50, bodyMs: 10_000 })
  const client = await open(t, under)
  client.send(`${post(100)}some`)
  const trickle = setInterval(() => client.send('a'), 10)
  await answers(client, 1)
  assert.equal(fieldOf(client.responses()[0]!.fields, 'connection'), undefined)
  await closed(client)
  clearInterval(trickle)
})

test('a body that is refused while it comes ends the connection behind the answer', async (t) => {
  let admitted = 0
  const under = await serve(t, (client) => {
    client.body((bytesSoFar) => {
      admitted = bytesSoFar
      client.closeAfterwards()
      answer(client, 'too large', 413)
      return false
    }).resume()
  })
  const client = await open(t, under)
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${get('/next')}`)
  await closed(client)
  assert.equal(admitted, 5)
  assert.deepEqual(client.responses().map(({ status }) => status), [413])
  assert.equal(under.exchanges.length, 1)
})

test('a slow reader gets the whole of a last response', async (t) => {
  const size = 3_000_000
  const under = await serve(t, (client) => {
    client.sendHead(200, ['Content-Length', String(size)], false)
    client.end(Buffer.alloc(size, 'x'))
  }, { lingerMs: 30 })
  const client = await open(t, under)
  client.socket.pause()
  client.send(get('/', 'Connection: close\r\n'))
  await waitUntil(() => under.exchanges.length === 1)
  await sleep(150)
  client.socket.resume()
  await closed(client)
  assert.equal(client.responses()[0]?.body.length, size)
})

test('whoever goes on sending behind a refusal is cut off', async (t) => {
  const under = await serve(t, answer, { maxLingerBytes: 1_000_000, lingerMs: 10_000, sendMs: 10_000 })
  const client = await open(t, under)
  client.send('NONSENSE\r\n\r\n')
  await waitUntil(() => client.responses().length === 1)
  const flood = setInterval(() => client.send('x'.repeat(200_000)), 2)
  await waitUntil(() => under.connections.size === 0, { everyMs: 2 })
  clearInterval(flood)
  assert.equal(client.responses()[0]?.status, 400)
})

test('a client that leaves while its exchange runs is reported gone, also when it only closes its side', async (t) => {
  const gone: string[] = []
  const under = await serve(t, (client) => (client.watcher = watcher({ onClientGone: () => gone.push(client.target) })))
  const [left, half] = [await open(t, under), await open(t, under)]
  left.send(get('/left'))
  half.send(get('/half'))
  await waitUntil(() => under.exchanges.length === 2)
  left.destroy()
  half.socket.end()
  await waitUntil(() => gone.length === 2, { everyMs: 2 })
  assert.deepEqual(gone.sort(), ['/half', '/left'])
  assert.ok(under.exchanges.every(({ isGone }) => isGone))
})

test('a response that ends with the connection and breaks is a reset, so that nobody takes it for whole', async (t) => {
  const under = await serve(t, (client) => {
    client.sendHead(200, [], true)
    client.send(Buffer.from('part'))
  })
  const client = await open(t, under)
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.socket.once('error', resolve))
  client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
  await waitUntil(() => client.text.endsWith('part'), { everyMs: 2 })
  under.exchanges[0]!.destroy()
  assert.equal((await failed).code, 'ECONNRESET')
})

test('trailer fields go to a client that takes them, and only behind a chunked body', async (t) => {
  const under = await serve(t, (client) => {
    client.sendHead(200, [], false)
    client.end('body', ['X-Sum', '17', 'Set-Cookie', 'a=b'])
  })
  const [takes, takesNot] = [await open(t, under), await open(t, under)]
  takes.send(get('/', 'TE: trailers\r\n'))
  takesNot.send(get())
  await Promise.all([answers(takes, 1), answers(takesNot, 1)])
  assert.equal(takes.responses()[0]?.trailers, 'X-Sum: 17')
  assert.equal(takesNot.responses()[0]?.trailers, '')
})

test('how a message is framed is not for policies to say', async (t) => {
  const under = await serve(t, (client) => {
    client.sendHead(200, ['transfer-encoding', 'gzip', 'Connection', 'close', 'Content-Length', '2', 'X-A', '1'], false)
    client.end('ok')
  })
  const client = await open(t, under)
  client.send(get() + get())
  await answers(client, 2)
  const { fields } = client.responses()[0]!
  assert.deepEqual([fieldOf(fields, 'transfer-encoding'), fieldOf(fields, 'connection'), fieldOf(fields, 'x-a')], [undefined, undefined, '1'])
})

test('the health path answers HTTP/1.0, HEAD and pipelined probes', async (t) => {
  const under = await serve(t, () => assert.fail('a probe is no exchange'))
  const client = await open(t, under)
  client.send(`HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n${get('/health?x=1')}GET /health HTTP/1.0\r\nHost: a\r\n\r\n`)
  await closed(client)
  const seen = client.responses(['HEAD'])
  assert.deepEqual(seen.map(({ status }) => status), [200, 200, 200])
  assert.equal(seen[1]?.body, '{"status":"serving"}\n')
})

test('while it drains, a request is answered with Connection: close', async (t) => {
  const under = await serve(t, (client) => answer(client))
  const client = await open(t, under)
  client.send(get())
  await answers(client, 1)
  await waitUntil(() => [...under.connections].every((connection) => connection.isIdleSince(performance.now())), { everyMs: 2, what: 'the connection to be seen idle' })
  under.isDraining = true
  client.send(get())
  await closed(client)
  assert.equal(fieldOf(client.responses()[1]!.fields, 'connection'), 'close')
})
