import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { it, type TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { RevisionDocumentInput } from '@sluice/proto/config'
import { answer, freePort, makeCertificate, neverAnswer, startUpstream, suiteCleanup, waitUntil, type Cleanup, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { fieldOf, readResponses } from './raw-client.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['one.example.com', '127.0.0.1'] })

type Http = Exclude<NonNullable<RevisionDocumentInput['listeners']>['http'], false | undefined>

interface Under extends EdgeUnderTest {
  readonly upstream: ScriptedUpstream
  readonly securePort: number
  document(door: Partial<Http>): Partial<RevisionDocumentInput>
  refused(reason: string): Promise<number>
}

/** Most settings of a listener count for the next connection: one edge does for many tests, one after the other. */
let shared: Promise<Under> | undefined
const whole = suiteCleanup()

/** The shared edge, both of its listeners with these settings; with `workers` one of the test's own. */
async function start(t: TestContext, door: Partial<Http>, { workers, trustedProxies = [], isFirst = true }: { workers?: number; trustedProxies?: string[]; isFirst?: boolean } = {}): Promise<Under> {
  if (workers !== undefined) return startOwn(t, door, workers)
  const under = await (shared ??= startOwn(whole, {}, 1))
  under.upstream.does(answer(200, 'fine'))
  const report = await under.apply({ ...under.document(door), trustedProxies })
  assert.equal(report.refusal, undefined)
  if (isFirst) await waitUntil(async () => (await metric(under, 'sluice_connections_active')) === 0, { what: "the last test's connections to be gone" })
  return under
}

async function metric({ edge }: EdgeUnderTest, name: string, label?: string): Promise<number> {
  const series = (await edge.metricsSnapshot()).find((one) => one.name === name)?.series ?? []
  return series.find(({ values }) => label === undefined || values.includes(label))?.value ?? 0
}

async function startOwn(t: Cleanup, door: Partial<Http>, workers: number): Promise<Under> {
  const upstream = await startUpstream(t)
  upstream.does(answer(200, 'fine'))
  const [port, securePort] = [await freePort(), await freePort()]
  const document = (settings: Partial<Http>): Partial<RevisionDocumentInput> => {
    const { listeners, secrets = {} } = secureListener(securePort, [made], settings)
    return {
      listeners: { ...listeners, http: { address: `127.0.0.1:${port}`, ...settings } },
      secrets,
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
    }
  }
  const under = await startEdge(t, document(door), { port, workers })
  const refused = (reason: string) => metric(under, 'sluice_connections_refused_total', reason)
  return { ...under, upstream, securePort, document, refused }
}

function open(t: TestContext, port: number, localAddress = '127.0.0.1') {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  t.after(() => void socket.destroy())
  const seen = { socket, text: '', isClosed: false }
  socket.on('data', (chunk: Buffer) => (seen.text += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  socket.on('close', () => (seen.isClosed = true))
  return seen
}

type Seen = ReturnType<typeof open>

const get = (more = '') => `GET / HTTP/1.1\r\nHost: one.example.com\r\n${more}\r\n`
const response = (seen: Seen, index = 0) => waitUntil(() => readResponses(seen.text, seen.isClosed, []).filter(({ isComplete }) => isComplete)[index], { everyMs: 2, timeoutMs: 10_000, what: `response ${index}` })
const closed = (seen: Seen) => waitUntil(() => seen.isClosed, { everyMs: 2, timeoutMs: 10_000, what: 'the connection to close' })
const reasonOf = ({ body }: { body: string }) => (JSON.parse(body) as { error: { reason: string } }).error.reason

async function ask(t: TestContext, port: number, localAddress?: string): Promise<{ seen: Seen; status: number; reason: string | undefined; retryAfter: string | undefined }> {
  const seen = open(t, port, localAddress)
  seen.socket.write(get())
  const { status, body, fields } = await response(seen)
  return { seen, status, reason: status === 200 ? undefined : reasonOf({ body }), retryAfter: fieldOf(fields, 'retry-after') }
}

async function openHttp2(t: TestContext, port: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: made.cert })
  t.after(() => session.destroy())
  session.on('error', () => undefined)
  await once(session, 'connect')
  return session
}

it('an address has so many connections on all workers together, and one more is told to come back', async (t) => {
  const under = await start(t, { maxConnectionsPerAddress: 5 }, { workers: 2 })
  const held = []
  for (let count = 0; count < 5; count++) held.push(await ask(t, under.port))
  assert.deepEqual(held.map(({ status }) => status), [200, 200, 200, 200, 200])
  const sixth = await ask(t, under.port)
  assert.deepEqual([sixth.status, sixth.reason, sixth.retryAfter], [503, 'client.too_many_connections', '1'])
  await closed(sixth.seen)
  assert.equal(await under.refused('address_limit'), 1)
  assert.equal((await ask(t, under.port, '127.0.0.2')).status, 200, 'another address has connections of its own')
  held[0]!.seen.socket.destroy()
  await waitUntil(async () => (await ask(t, under.port)).status === 200, { what: 'room for another one' })
})

it('what a client sends before it is let in arrives whole', async (t) => {
  const under = await start(t, {})
  const body = 'x'.repeat(1_000_000)
  for (let count = 0; count < 5; count++) {
    const seen = open(t, under.port)
    seen.socket.write(`POST / HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    assert.equal((await response(seen)).status, 200)
    assert.equal(under.upstream.requests.at(-1)!.body.length, body.length)
  }
})

it('an encrypted connection too many ends before its handshake', async (t) => {
  const under = await start(t, { maxConnectionsPerAddress: 1 })
  const before = await under.refused('address_limit')
  await openHttp2(t, under.securePort)
  const second = connectTls({ host: '127.0.0.1', port: under.securePort, ca: made.cert })
  t.after(() => void second.destroy())
  await assert.rejects(once(second, 'secureConnect'))
  assert.equal(await under.refused('address_limit'), before + 1)
})

it('a worker that dies takes its connections out of the count', async (t) => {
  const under = await start(t, { maxConnectionsPerAddress: 2 }, { workers: 1 })
  const held = [await ask(t, under.port), await ask(t, under.port)]
  assert.equal((await ask(t, under.port)).status, 503)
  process.kill(under.edge.workerPids[0]!, 'SIGKILL')
  await Promise.all(held.map(({ seen }) => closed(seen)))
  // A connection that the dying worker was being handed hangs: others are opened beside it.
  const tries: Seen[] = []
  const isServed = (seen: Seen) => readResponses(seen.text, seen.isClosed, []).some(({ status }) => status === 200)
  await waitUntil(() => {
    const seen = open(t, under.port)
    seen.socket.write(get())
    tries.push(seen)
    return tries.some(isServed)
  }, { timeoutMs: 60_000, everyMs: 500, what: 'the next worker to have room' })
})

it('trusted proxies are not counted, and 0 is no limit', async (t) => {
  const under = await start(t, { maxConnectionsPerAddress: 1 }, { trustedProxies: ['127.0.0.1'] })
  for (let count = 0; count < 3; count++) assert.equal((await ask(t, under.port)).status, 200)
  assert.equal((await ask(t, under.port, '127.0.0.2')).status, 200)
  assert.equal((await ask(t, under.port, '127.0.0.2')).status, 503)
  await start(t, { maxConnectionsPerAddress: 0 }, { isFirst: false })
  for (let count = 0; count < 3; count++) assert.equal((await ask(t, under.port, '127.0.0.2')).status, 200)
})

it('there are so many connections of all addresses, and one more is told to come back', async (t) => {
  const under = await start(t, { maxConnections: 3, maxConnectionsPerAddress: 0 })
  const before = await under.refused('connection_limit')
  const asked = []
  for (let count = 0; count < 5; count++) asked.push(await ask(t, under.port))
  const refused = asked.filter(({ status }) => status === 503)
  assert.deepEqual(refused.map(({ reason, retryAfter }) => [reason, retryAfter]), [['internal.overloaded', '1'], ['internal.overloaded', '1']])
  assert.equal(await under.refused('connection_limit'), before + 2)
  for (const { seen } of asked) seen.socket.destroy()
  await waitUntil(async () => (await ask(t, under.port)).status === 200, { what: 'room for another one' })
})

it('a head that trickles in is 408 when its time is over, and a connection that says nothing is closed', async (t) => {
  const under = await start(t, { timeouts: { headMs: 300 } })
  const [slow, mute] = [open(t, under.port), open(t, under.port)]
  slow.socket.write('GET / HTTP/1.1\r\nX-A: ')
  const trickle = setInterval(() => slow.socket.write('a'), 20)
  t.after(() => clearInterval(trickle))
  const refused = await response(slow)
  assert.deepEqual([refused.status, reasonOf(refused)], [408, 'client.header_timeout'])
  await closed(slow)
  await closed(mute)
  assert.equal(mute.text, '')
})

it('an upload that stalls is 408, whichever way its length was told, and counts against no endpoint', async (t) => {
  const under = await start(t, { timeouts: { bodyMs: 300 } })
  under.upstream.does(neverAnswer())
  const uploads = ['Content-Length: 100\r\n\r\nabc', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 'Expect: 100-continue\r\nContent-Length: 100\r\n\r\n'].map((rest) => {
    const seen = open(t, under.port)
    seen.socket.write(`POST / HTTP/1.1\r\nHost: one.example.com\r\n${rest}`)
    return seen
  })
  for (const [index, seen] of uploads.entries()) {
    const refused = await response(seen, index === 2 ? 1 : 0)
    assert.deepEqual([refused.status, reasonOf(refused), fieldOf(refused.fields, 'connection')], [408, 'client.body_timeout', 'close'])
    await closed(seen)
  }
  const session = await openHttp2(t, under.securePort)
  const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false })
  stream.on('error', () => undefined)
  stream.write('abc')
  const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
  assert.equal(headers[':status'], 408)
  under.upstream.does(answer(200, 'fine'))
  assert.equal((await ask(t, under.port)).status, 200)
})

it('without settings an upload may stall for half a minute, less than a whole exchange may take', async (t) => {
  const under = await start(t, {})
  under.upstream.does(answer(200, 'fine'))
  const seen = open(t, under.port)
  seen.socket.write('POST / HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: 4\r\n\r\nab')
  await waitUntil(() => under.upstream.connections.open > 0)
  seen.socket.write('cd')
  assert.equal((await response(seen)).status, 200)
})

it('a connection between two requests is closed when its time is over', async (t) => {
  const under = await start(t, { timeouts: { idleMs: 200 } })
  const { seen, status } = await ask(t, under.port)
  assert.equal(status, 200)
  await closed(seen)
})

it('a connection ends with the response to the last request it may carry', async (t) => {
  const under = await start(t, { maxRequestsPerConnection: 3 })
  const seen = open(t, under.port)
  seen.socket.write(get().repeat(4))
  await closed(seen)
  const responses = readResponses(seen.text, true, [])
  assert.deepEqual(responses.map(({ status, fields }) => [status, fieldOf(fields, 'connection')]), [[200, undefined], [200, undefined], [200, 'close']])
})

it('an HTTP/2 connection is told to go elsewhere after the last request it may carry, and what runs is answered', async (t) => {
  const under = await start(t, { maxRequestsPerConnection: 2 })
  const session = await openHttp2(t, under.securePort)
  const goaway = once(session, 'goaway')
  for (let count = 0; count < 2; count++) {
    const stream = session.request({ ':path': '/' })
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
    assert.equal(headers[':status'], 200)
    stream.resume()
    await once(stream, 'end')
  }
  assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR)
})

it('a connection that has grown old ends with a response, and the next one is served elsewhere', async (t) => {
  const under = await start(t, { maxConnectionSeconds: 0.3 })
  const seen = open(t, under.port)
  let count = 0
  for (;;) {
    seen.socket.write(get())
    const { status, fields } = await response(seen, count++)
    assert.equal(status, 200)
    if (fieldOf(fields, 'connection') === 'close') break
  }
  await closed(seen)
  const session = await openHttp2(t, under.securePort)
  const [code] = (await once(session, 'goaway')) as [number]
  assert.equal(code, constants.NGHTTP2_NO_ERROR)
  assert.equal((await ask(t, under.port)).status, 200)
})

it('an old connection that is idle is left to its client, whose next request is answered', async (t) => {
  const under = await start(t, { maxConnectionSeconds: 0.1 })
  const { seen } = await ask(t, under.port)
  const other = open(t, under.port)
  // Another connection of the same age shows when this one is old.
  for (let count = 0; ; count++) {
    other.socket.write(get())
    if (fieldOf((await response(other, count)).fields, 'connection') === 'close') break
  }
  assert.equal(seen.isClosed, false)
  seen.socket.write(get())
  assert.equal((await response(seen, 1)).status, 200)
})
