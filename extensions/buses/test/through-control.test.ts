import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { type BusPermissions, subjectsOf } from '@sluice/proto/bus-permissions'
import { waitUntil } from '@sluice/testkit'
import type { Bus } from '../bus.ts'
import { testBus } from '../bus.contract.ts'
import { bytes, text } from '../bus-network.contract.ts'
import { createLocalBus } from '../local/local.ts'
import { serveRelay } from '../relay-door.ts'
import { withTold } from '../relay.contract.ts'
import { createControlBus } from '../control/control.ts'

const token = 'the-edge-token'
const everything: BusPermissions = { publish: ['>'], subscribe: ['>'] }

interface Door {
  readonly url: string
  readonly sockets: Set<Duplex>
  /** How many connections were asked for, with what token. */
  readonly asked: string[]
  close(): Promise<void>
}

/** What control opens, without control: whoever has the token uses `bus`. */
async function openDoor(bus: Bus, permissions = everything, port = 0): Promise<Door> {
  const sockets = new Set<Duplex>()
  const asked: string[] = []
  const server: Server = createServer()
  server.on('connection', (socket) => void sockets.add(socket))
  server.on('upgrade', (request, socket, head) => {
    asked.push(request.headers.authorization ?? '')
    if (request.headers.authorization !== `Bearer ${token}`) return void socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sluice-bus/1\r\n\r\n')
    serveRelay(bus, socket, { ...permissions, head })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, asked, close }
}

const patient = { reconnectWaitMs: 10 }

function open(t: TestContext, urls: string[], settings: object = patient) {
  const errors: string[] = []
  const bus = createControlBus({ token, ...settings, urls }, { onTransportError: (error) => void errors.push((error as Error).message) })
  t.after(() => bus.drain(200))
  return { bus, errors }
}

const connected = (bus: Bus) => waitUntil(() => bus.status === 'connected', { what: 'the bus through control' })

testBus('control', async () => {
  const parent = createLocalBus()
  const door = await openDoor(parent)
  const join = async () => {
    const bus = createControlBus({ urls: [door.url], token })
    await connected(bus)
    return bus
  }
  return {
    join,
    end: async () => {
      await door.close()
      await parent.drain()
    },
  }
})

test('when control ends what was asked fails at once, and once another answers everything subscribed to is heard again', async (t) => {
  const parent = createLocalBus()
  const [first, second] = [await openDoor(parent), await openDoor(parent)]
  t.after(() => second.close())
  const { bus } = open(t, [first.url, second.url])
  const subject = `t.${randomUUID()}`
  bus.subscribe(subject, (message) => message.respond(message.data))
  bus.subscribe(`${subject}.mute`, () => {})
  await connected(bus)
  await bus.flush()
  const statuses: string[] = []
  bus.onStatus((status) => void statuses.push(status))
  const waiting = assert.rejects(bus.request(`${subject}.mute`, bytes(''), { timeoutMs: 60_000 }), { code: 'dependency.bus_unreachable' })
  await first.close()
  await waiting
  await connected(bus)
  // What it subscribes to again is on its way.
  await bus.flush()
  assert.equal(text(await parent.request(subject, bytes('there again'), { timeoutMs: 5000 })), 'there again')
  assert.deepEqual(statuses, ['disconnected', 'connected'])
  assert.equal(bus.counts.reconnects, 1)
})

test('while control itself has no bus, the edge has none either', async (t) => {
  const { bus: parent, tell } = withTold(createLocalBus())
  const door = await openDoor(parent)
  t.after(() => door.close())
  const { bus } = open(t, [door.url])
  await connected(bus)
  await tell('disconnected')
  await waitUntil(() => bus.status === 'disconnected')
  await tell('connected')
  await connected(bus)
})

test('a control that says nothing any more is given up for one that does', async (t) => {
  const mute = createServer()
  const held: Duplex[] = []
  mute.on('upgrade', (_request, socket) => {
    held.push(socket)
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sluice-bus/1\r\n\r\n')
  })
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.after(() => {
    mute.close()
    for (const socket of held) socket.destroy()
  })
  const door = await openDoor(createLocalBus())
  t.after(() => door.close())
  const { bus } = open(t, [`http://127.0.0.1:${(mute.address() as AddressInfo).port}`, door.url], { ...patient, pingIntervalMs: 200 })
  await connected(bus)
  assert.ok(held.length >= 1)
})

test('what is not for an edge to say or to hear is neither said nor heard, wildcards included', async (t) => {
  const parent = createLocalBus()
  const door = await openDoor(parent, subjectsOf('edge'))
  t.after(() => door.close())
  const { bus } = open(t, [door.url])
  await connected(bus)
  const heard: string[] = []
  for (const pattern of ['gw.v1.cfg.hint.*', 'gw.v1.auth.key.default', 'gw.v1.auth.>', '>', '_INBOX.>']) bus.subscribe(pattern, ({ subject }) => void heard.push(subject))
  const forged: string[] = []
  parent.subscribe('gw.v1.cfg.hint.default', ({ data }) => void forged.push(text(data)))
  parent.subscribe('gw.v1.auth.key.default', (message) => message.respond(bytes('known')))
  await bus.flush()
  bus.publish('gw.v1.cfg.hint.default', bytes('forged'))
  await assert.rejects(bus.request('gw.v1.auth.consumers.list.default', bytes(''), { timeoutMs: 5000 }), { code: 'admin.forbidden' })
  assert.equal(text(await bus.request('gw.v1.auth.key.default', bytes('sk_1_2'), { timeoutMs: 5000 })), 'known')
  parent.publish('gw.v1.cfg.hint.default', bytes('true'))
  await waitUntil(() => heard.length > 0)
  assert.deepEqual(forged, ['true'])
  assert.deepEqual(heard, ['gw.v1.cfg.hint.default'])
})

test('bytes that are no message end the connection they came on, and no other', async (t) => {
  const parent = createLocalBus()
  const door = await openDoor(parent)
  t.after(() => door.close())
  const { bus } = open(t, [door.url])
  await connected(bus)
  for (const nonsense of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from([0, 0, 0, 2, 0xff, 0xff]), Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.from([0, 0, 0, 0])]) {
    const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
    t.after(() => void socket.destroy())
    await upgraded(socket)
    socket.write(nonsense)
    await once(socket.resume(), 'close')
  }
  bus.subscribe('a.b', (message) => message.respond(message.data))
  await bus.flush()
  assert.equal(text(await parent.request('a.b', bytes('well'), { timeoutMs: 5000 })), 'well')
})

async function upgraded(socket: Socket): Promise<void> {
  socket.on('error', () => {})
  socket.write(`GET /v1/internal/bus HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: sluice-bus/1\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  await once(socket, 'data')
}
