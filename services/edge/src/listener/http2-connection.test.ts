import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@sluice/testkit'
import { endHeaders, FrameClient, frameOf, goaway, preface, requestFrame, type Frame } from '../../test/http2-frames.ts'
import { serveConnections, watcher } from '../../test/swept-connections.ts'
import type { ClientSide } from './client-side.ts'
import type { ConnectionLifetime } from './door-rules.ts'
import { engineLimits, type EngineLimits } from './engine-limits.ts'
import { Http2Connection } from './http2-connection.ts'
import { http2Limits } from './http2-limits.ts'
import type { Http2Flood } from './http2/flood-watch.ts'
import { KnownStrings } from './http2/known-strings.ts'
import { SendRound } from './http2/outbox.ts'
import { takeOver } from './shared-reads.ts'

interface Under {
  readonly port: number
  readonly exchanges: ClientSide[]
  readonly connections: Set<Http2Connection>
  readonly floods: Http2Flood[]
  isDraining: boolean
  lifetime: ConnectionLifetime
}

/** A server whose connections speak HTTP/2, swept often, with each exchange given to `onExchange`. */
async function serve(t: TestContext, onExchange: (client: ClientSide) => void, limits: Partial<EngineLimits> = {}): Promise<Under> {
  const connections = new Set<Http2Connection>()
  const under: Under = { port: 0, exchanges: [], connections, floods: [], isDraining: false, lifetime: { maxMs: Infinity, maxRequests: 0 } }
  const parts = {
    limits: () => ({ ...engineLimits, ...limits }), lifetime: () => under.lifetime, http2: http2Limits, strings: new KnownStrings(), round: new SendRound(),
    encrypted: false, healthPath: () => '/health', isServing: () => true, isDraining: () => under.isDraining, requestId: () => 'id',
    onExchange: (client: ClientSide) => {
      under.exchanges.push(client)
      onExchange(client)
    },
    onFlood: (kind: Http2Flood) => void under.floods.push(kind),
    onClosed: (connection: Http2Connection) => void connections.delete(connection),
  }
  return Object.assign(under, { port: await serveConnections(t, { connections, open: (socket) => new Http2Connection(takeOver(socket), parts, '127.0.0.1'), end: (connection) => connection.destroy() }) })
}

function answer(client: ClientSide, body: string | Uint8Array = 'fine'): void {
  client.sendHead(200, ['content-length', String(body.length)], false)
  if (typeof body === 'string') client.endText!(body)
  else client.end(body)
}

const settings = (...pairs: [number, number][]) => frameOf(4, 0, 0, Buffer.concat(pairs.map(([id, value]) => {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(id)
  bytes.writeUInt32BE(value, 2)
  return bytes
})))
const window = (stream: number, increment: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(increment)
  return frameOf(8, 0, stream, bytes)
}
const tables = { bytes: 1, window: 4 }
const times = (count: number, frame: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(frame))
const withFields = (stream: number, flags: number, ...fields: [string, string][]) => frameOf(1, flags, stream, Buffer.concat([Buffer.from([0x82, 0x87, 0x84, 0x01, 1, 0x61]), ...fields.map(([name, value]) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]))]))

const bodyOf = ({ frames }: FrameClient, stream: number) => Buffer.concat(frames.filter((one) => one.type === 0 && one.stream === stream).map(({ payload }) => payload))
const isReset = (wanted: number, code: number) => ({ type, stream, payload }: Frame) => type === 3 && stream === wanted && payload.readUInt32BE(0) === code
const isGoaway = (code: number) => ({ type, payload }: Frame) => type === goaway && payload.readUInt32BE(4) === code
const isWindow = (wanted: number) => ({ type, stream }: Frame) => type === 8 && stream === wanted

test('a response goes out as the windows let it, that of the stream and that of the connection', async (t) => {
  const body = 'x'.repeat(200_000)
  const under = await serve(t, (client) => answer(client, Buffer.from(body)))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings([tables.window, 10]), requestFrame(1)])
  await waitUntil(() => bodyOf(client, 1).length === 10)
  client.send(window(1, 90))
  await waitUntil(() => bodyOf(client, 1).length === 100)
  client.send(settings([tables.window, 300_000]))
  // All that the connection takes at first.
  await waitUntil(() => bodyOf(client, 1).length === 65_535)
  client.send(window(0, 200_000))
  await waitUntil(() => bodyOf(client, 1).length === body.length)
  assert.equal(bodyOf(client, 1).toString(), body)
  assert.ok(client.frames.filter(({ type }) => type === 0).every(({ payload }) => payload.length <= 16_384))
})

test('whoever sends a response faster than it is taken is told to wait, and when to go on', async (t) => {
  let drained = 0
  const under = await serve(t, (client) => (client.watcher = watcher({ onClientDrain: () => drained++ })))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings([tables.window, 100]), requestFrame(1)])
  await waitUntil(() => under.exchanges.length === 1)
  const [exchange] = under.exchanges
  exchange!.sendHead(200, [], true)
  assert.equal(exchange!.send(Buffer.alloc(60)), true)
  assert.equal(exchange!.send(Buffer.alloc(60)), false)
  await waitUntil(() => bodyOf(client, 1).length === 100)
  assert.equal(drained, 0)
  client.send(window(1, 1000))
  await waitUntil(() => drained === 1)
  exchange!.end(Buffer.alloc(5))
  await waitUntil(() => bodyOf(client, 1).length === 125)
})

test('a client that does not take a response in time loses it, and not its other ones', async (t) => {
  const gone: string[] = []
  const under = await serve(t, (client) => {
    client.watcher = watcher({ onClientGone: () => gone.push(client.target) })
    client.sendHead(200, [], true)
    client.send(Buffer.alloc(under.exchanges.length === 1 ? 100 : 5))
  }, { sendMs: 100 })
  const client = await FrameClient.openPlain(t, under.port, [preface, settings([tables.window, 50]), requestFrame(1), requestFrame(3)])
  await client.frame(isReset(1, 8))
  assert.deepEqual(gone, ['/'])
  under.exchanges[1]!.end(Buffer.from('more'))
  await waitUntil(() => bodyOf(client, 3).length === 9)
})

test('a client that asks on and on without reading is not read from either, and ended when its time is over', async (t) => {
  const under = await serve(t, (client) => answer(client, 'x'.repeat(10_000)), { sendMs: 300 })
  const client = await FrameClient.openPlain(t, under.port, [preface, settings([tables.window, 0x7fff_ffff]), window(0, 0x7fff_0000)])
  client.socket.pause()
  let stream = 1
  const asking = setInterval(() => {
    for (let count = 0; count < 100; count++, stream += 2) client.send(requestFrame(stream))
  }, 2)
  t.after(() => clearInterval(asking))
  await waitUntil(() => under.exchanges.length > 0 && under.connections.size === 0, { timeoutMs: 20_000 })
  // What was answered is what the buffers of the sockets took.
  assert.ok(under.exchanges.length < stream / 2, `${under.exchanges.length} of ${stream / 2}`)
})

test('a body is taken as far as somebody reads it, and room is told of when they do', async (t) => {
  const under = await serve(t, () => undefined)
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1, endHeaders)])
  const { windowBytes } = http2Limits
  const piece = frameOf(0, 0, 1, Buffer.alloc(16_384, 'x'))
  client.send(times(windowBytes / 16_384, piece), frameOf(6, 0, 0, Buffer.from('allread!')))
  await client.frame(({ type, payload }) => type === 6 && payload.toString() === 'allread!')
  assert.ok(!client.frames.some(isWindow(1)), 'nobody has read it')
  let bytes = 0
  const body = under.exchanges[0]!.body(() => true)
  body.on('data', (chunk: Buffer) => (bytes += chunk.length))
  await client.frame(isWindow(1))
  await waitUntil(() => bytes === windowBytes)
  client.send(frameOf(0, 1, 1, Buffer.from('end')))
  await waitUntil(() => bytes === windowBytes + 3)
})

test('more body than there is room for ends its request, or its connection', async (t) => {
  const under = await serve(t, () => undefined)
  const { windowBytes, connectionWindowBytes } = http2Limits
  const pieces = (stream: number) => times(windowBytes / 16_384, frameOf(0, 0, stream, Buffer.alloc(16_384)))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1, endHeaders), pieces(1), frameOf(0, 0, 1, Buffer.from('x'))])
  await client.frame(isReset(1, 3))
  const other = await FrameClient.openPlain(t, under.port, [preface, settings()])
  for (let count = 0; count <= connectionWindowBytes / windowBytes; count++) other.send(requestFrame(count * 2 + 1, endHeaders), pieces(count * 2 + 1))
  await other.frame(isGoaway(3))
  await other.ended
})

test('what nobody reads of a body makes room for others, and the connection goes on', async (t) => {
  const under = await serve(t, (client) => answer(client))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings()])
  const { windowBytes, connectionWindowBytes } = http2Limits
  for (let stream = 1; stream < (4 * 2 * connectionWindowBytes) / windowBytes; stream += 2) {
    client.send(requestFrame(stream, endHeaders), times(windowBytes / 16_384, frameOf(0, 0, stream, Buffer.alloc(16_384))))
    await client.answerTo(stream)
    await client.frame(isReset(stream, 0))
  }
})

const bodies: Record<string, [Buffer[], boolean]> = {
  'as long as it said': [[frameOf(0, 0, 1, Buffer.from('he')), frameOf(0, 1, 1, Buffer.from('llo'))], true],
  'as long as it said, padded': [[frameOf(0, 9, 1, Buffer.from('\x02hello\0\0'))], true],
  'as long as it said, with trailers': [[frameOf(0, 0, 1, Buffer.from('hello')), frameOf(1, 5, 1, Buffer.from([0, 1, 0x61, 1, 0x61]))], true],
  'shorter than it said': [[frameOf(0, 1, 1, Buffer.from('hell'))], false],
  'shorter than it said, with trailers': [[frameOf(0, 0, 1, Buffer.from('hell')), frameOf(1, 5, 1, Buffer.from([0, 1, 0x61, 1, 0x61]))], false],
  'longer than it said': [[frameOf(0, 0, 1, Buffer.from('hello!'))], false],
}
for (const [what, [frames, isTaken]] of Object.entries(bodies)) {
  test(`a body ${what} is ${isTaken ? 'taken' : 'none'}`, async (t) => {
    let [text, problem, isGone] = ['', '', false]
    const under = await serve(t, (client) => {
      client.watcher = watcher({ onClientGone: () => (isGone = true) })
      const body = client.body(() => true)
      body.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => answer(client)).on('error', (error) => (problem = error.message))
    })
    const client = await FrameClient.openPlain(t, under.port, [preface, settings(), withFields(1, endHeaders, ['content-length', '5']), ...frames])
    if (isTaken) await client.answerTo(1)
    else {
      await client.frame(isReset(1, 1))
      await waitUntil(() => isGone && problem !== '')
    }
    assert.equal(text === 'hello', isTaken)
  })
}

test('a head that says it has a body and ends there is none', async (t) => {
  const under = await serve(t, () => undefined)
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), withFields(1, 5, ['content-length', '5'])])
  await client.frame(isReset(1, 1))
  assert.equal(under.exchanges.length, 0)
})

test('a client that keeps no table of fields is told that nothing is put into it', async (t) => {
  const under = await serve(t, (client) => answer(client))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings([tables.bytes, 0]), requestFrame(1), requestFrame(3)])
  await client.answerTo(3)
  const heads = client.frames.filter(({ type }) => type === 1).map(({ payload }) => [...payload.subarray(0, 2)])
  assert.deepEqual(heads, [[0x20, 0x88], [0x88, heads[1]![1]]])
})

test('fields beyond the limit are answered 431, and the connection goes on', async (t) => {
  const under = await serve(t, (client) => answer(client))
  const many = Array.from({ length: 600 }, (_, index): [string, string] => [`x-${index}`, 'y'])
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), withFields(1, 5, ...many), requestFrame(3)])
  await client.answerTo(3)
  assert.match(bodyOf(client, 1).toString(), /client\.header_too_large/)
  assert.equal(under.exchanges.length, 1)
})

test('a response may have more fields than one frame holds', async (t) => {
  const fields = Array.from({ length: 400 }, (_, index) => [`x-${index}`, 'y'.repeat(100)]).flat()
  const under = await serve(t, (client) => {
    client.sendHead(200, fields, false)
    client.end('fine')
  })
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1)])
  await client.answerTo(1)
  const block = client.frames.filter(({ type }) => type === 1 || type === 9)
  assert.deepEqual(block.map(({ type }) => type), [1, 9, 9])
})

test('so many requests run at once on a connection, and one more is told to come again', async (t) => {
  const under = await serve(t, () => undefined)
  const requests = Array.from({ length: http2Limits.maxConcurrentStreams + 1 }, (_, index) => requestFrame(index * 2 + 1))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), ...requests])
  await client.frame(isReset(http2Limits.maxConcurrentStreams * 2 + 1, 7))
  assert.equal(under.exchanges.length, http2Limits.maxConcurrentStreams)
  answer(under.exchanges[0]!)
  client.send(requestFrame(1001))
  await waitUntil(() => under.exchanges.length === http2Limits.maxConcurrentStreams + 1)
})

const ack = frameOf(4, 1, 0)
const floods: Record<string, [Http2Flood, Buffer[]]> = {
  'requests that break their streams themselves': ['resets', Array.from({ length: 101 }, (_, index) => [requestFrame(index * 2 + 1, endHeaders), window(index * 2 + 1, 0)]).flat()],
  'malformed requests': ['resets', Array.from({ length: 101 }, (_, index) => frameOf(1, 5, index * 2 + 1, Buffer.from([0x82])))],
  'requests beyond what it has agreed to': ['resets', [ack, ...Array.from({ length: 250 }, (_, index) => requestFrame(index * 2 + 1))]],
  'windows that nobody needs': ['window_updates', [times(501, window(0, 1))]],
  'windows that are opened by single bytes': ['window_updates', [settings([tables.window, 0]), requestFrame(1), times(501, window(1, 1))]],
  'priorities': ['empty_frames', [times(501, frameOf(2, 0, 1, Buffer.from([0, 0, 0, 3, 1])))]],
  'frames that nobody knows': ['empty_frames', [times(501, frameOf(0x42, 0, 1))]],
  'padding': ['empty_frames', [requestFrame(1, endHeaders), times(501, frameOf(0, 8, 1, Buffer.from([1, 0])))]],
  'acknowledgements': ['empty_frames', [times(502, ack)]],
}
for (const [what, [kind, frames]] of Object.entries(floods)) {
  test(`a flood of ${what} ends its connection, which is told why`, async (t) => {
    const under = await serve(t, (client) => {
      client.sendHead(200, [], true)
      client.send(Buffer.alloc(2000))
    })
    const client = await FrameClient.openPlain(t, under.port, [preface, settings(), ...frames])
    await client.frame(isGoaway(11))
    await client.ended
    assert.deepEqual(under.floods, [kind])
  })
}

test('a client that tells of room for what it has read is none', async (t) => {
  const under = await serve(t, (client) => answer(client, Buffer.alloc(1_000_000)))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings([tables.window, 1000])])
  for (let stream = 1; stream < 40; stream += 2) {
    client.send(requestFrame(stream))
    let told = 0
    for (let got = 0; got < 50_000; got = bodyOf(client, stream).length) {
      if (got > told) client.send(window(0, got - told), window(stream, got - told))
      told = got
      await sleep(0)
    }
    client.send(frameOf(3, 0, stream, Buffer.from([0, 0, 0, 8])))
  }
  assert.deepEqual(under.floods, [])
})

test('what has begun has to go on: a preface, a frame, a field block', async (t) => {
  const under = await serve(t, () => undefined, { headMs: 100 })
  const begun = [[preface.subarray(0, 10)], [preface], [preface, settings(), requestFrame(1).subarray(0, 12)], [preface, settings(), requestFrame(1, 0)]]
  for (const parts of begun) await (await FrameClient.openPlain(t, under.port, parts)).ended
  assert.equal(under.exchanges.length, 0)
})

test('an upload that stalls is told of, one that nobody waits for is not', async (t) => {
  const bad: string[] = []
  const under = await serve(t, (client) => {
    client.watcher = watcher({ onBadBody: (code) => bad.push(`${client.fields[1]} ${code}`) })
    if (under.exchanges.length === 1) client.body(() => true).resume()
  }, { bodyMs: 50 })
  await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1, endHeaders), withFields(3, endHeaders)])
  await waitUntil(() => bad.length > 0)
  await sleep(100)
  assert.deepEqual(bad, ['one.example.com client.body_timeout'])
})

test('an idle connection is told that the end is near before it ends', async (t) => {
  const under = await serve(t, (client) => answer(client), { keepAliveMs: 50, drainGraceMs: 50 })
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1)])
  await client.answerTo(1)
  await client.ended
  assert.deepEqual(client.frames.filter(({ type }) => type === goaway).map(({ payload }) => payload.readUInt32BE(0)), [0x7fff_ffff, 1])
})

test('a drain is over as soon as the client says that it has heard of it, and what was asked until then is answered', async (t) => {
  const under = await serve(t, () => undefined, { drainGraceMs: 60_000 })
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1)])
  await waitUntil(() => under.exchanges.length === 1)
  for (const connection of under.connections) connection.beginDrain()
  const { payload } = await client.frame(({ type }) => type === 6)
  client.send(requestFrame(3), frameOf(6, 1, 0, payload))
  await client.frame(({ type, payload: last }) => type === goaway && last.readUInt32BE(0) === 3)
  for (const exchange of under.exchanges) answer(exchange)
  await Promise.all([client.answerTo(1), client.answerTo(3)])
  await client.ended
})

test('a client that is gone is told of once, whatever it had under way', async (t) => {
  let gone = 0
  const under = await serve(t, (client) => (client.watcher = watcher({ onClientGone: () => gone++ })))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1), requestFrame(3, endHeaders)])
  await waitUntil(() => under.exchanges.length === 2)
  client.socket.destroy()
  await waitUntil(() => under.connections.size === 0)
  assert.equal(gone, 2)
  assert.ok(under.exchanges.every(({ isGone }) => isGone))
  for (const exchange of under.exchanges) answer(exchange)
})

test('a response without a body may be through before its request is, and its client is still there', async (t) => {
  const under = await serve(t, (client) => client.sendHead(204, [], true))
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1, endHeaders)])
  await client.frame(({ type, stream }) => type === 1 && stream === 1)
  client.send(frameOf(0, 1, 1, Buffer.from('late')), frameOf(6, 0, 0, Buffer.from('allread!')))
  await client.frame(({ type }) => type === 6)
  assert.equal(under.exchanges[0]!.isGone, false)
  under.exchanges[0]!.end()
  client.send(frameOf(0, 1, 1, Buffer.from('later')))
  await client.frame(isReset(1, 5))
  assert.equal(client.frames.filter(({ stream }) => stream === 1).length, 2, 'one head and the reset')
})

test('pieces of a response come in their order, large and small', async (t) => {
  const pieces = [10, 5000, 1, 20_000, 4096, 4097, 3].map((length, index) => Buffer.alloc(length, String(index)))
  const under = await serve(t, (client) => {
    client.sendHead(200, [], true)
    for (const piece of pieces) client.send(piece)
    client.end(Buffer.from('end'), ['x-sum', '1'])
  })
  const client = await FrameClient.openPlain(t, under.port, [preface, settings([tables.window, 1_000_000]), requestFrame(1)])
  await waitUntil(() => bodyOf(client, 1).toString().endsWith('end'))
  assert.equal(bodyOf(client, 1).toString(), `${Buffer.concat(pieces).toString()}end`)
})

test('a response that cannot be completed breaks its stream alone', async (t) => {
  const under = await serve(t, (client) => {
    if (under.exchanges.length > 1) return answer(client)
    client.sendHead(200, ['content-length', '100'], true)
    client.send(Buffer.from('short'))
    client.destroy()
  })
  const client = await FrameClient.openPlain(t, under.port, [preface, settings(), requestFrame(1), requestFrame(3)])
  await client.frame(isReset(1, 2))
  await client.answerTo(3)
})
