/** The relay over any bus; run as a program, this file is the worker at the other end. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { after, before, describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '@sluice/testkit'
import type { Bus, BusStatus } from './bus.ts'
import { testBus } from './bus.contract.ts'
import { bytes, text } from './bus-network.contract.ts'
import { attachRelay, createRelayedBus, ipcChannel, type RelayChannel, type RelayMessage } from './relay.ts'

/** The two ends of a channel in this process; messages are copied and arrive later, as over IPC. */
export function channelPair(): { parent: RelayChannel; worker: RelayChannel; close(): void } {
  const events = new EventEmitter()
  let isOpen = true
  const end = (from: string, to: string): RelayChannel => ({
    send(message) {
      const copy = structuredClone(message)
      setImmediate(() => isOpen && events.emit(to, copy))
      return isOpen
    },
    onMessage: (handler) => hear(from, handler as (message: unknown) => void),
    onClose: (handler) => hear('close', handler),
  })
  const hear = (name: string, handler: (message: unknown) => void) => {
    events.on(name, handler)
    return { unsubscribe: () => void events.off(name, handler) }
  }
  const close = () => {
    isOpen = false
    events.emit('close')
  }
  return { parent: end('parent', 'worker'), worker: end('worker', 'parent'), close }
}

/** A way to `bus` whose status follows `tell`, as if the connection behind it came and went; messages pass all the same. */
export function withTold(bus: Bus): { bus: Bus; tell(status: BusStatus): Promise<void> } {
  const channel = channelPair()
  attachRelay(bus, channel.parent)
  const told = createRelayedBus(channel.worker)
  const tell = async (status: BusStatus) => {
    channel.parent.send({ type: 'status', status })
    await waitUntil(() => told.status === status)
  }
  return { bus: told, tell }
}

/** Runs the suite of every bus through relays over what `openParent` gives, then what is special to a relay. */
export function testRelay(name: string, openParent: () => Promise<Bus>): void {
  testBus(`${name}, relayed`, async () => {
    const parent = await openParent()
    const join = async () => {
      const channel = channelPair()
      attachRelay(parent, channel.parent)
      return createRelayedBus(channel.worker)
    }
    return { join, end: () => parent.drain() }
  })
  describe(`the relay over ${name}`, () => {
    let bus: Bus
    before(async () => void (bus = await openParent()))
    after(() => bus.drain())
    testWorkerInProcess(() => bus)
    testForkedWorker(() => bus)
    testStoppedWorker(() => bus)
  })
}

function testWorkerInProcess(bus: () => Bus): void {
  test('when the channel closes, the subscriptions of the worker end and its requests fail', async () => {
    const channel = channelPair()
    attachRelay(bus(), channel.parent)
    const worker = createRelayedBus(channel.worker)
    const subject = `t.${randomUUID()}`
    worker.subscribe(subject, () => {})
    await worker.flush()
    const waiting = worker.request(subject, bytes(''), { timeoutMs: 60_000 })
    channel.close()
    await assert.rejects(waiting, { code: 'dependency.bus_unreachable' })
    assert.equal(worker.status, 'closed')
    await bus().flush()
    await assert.rejects(bus().request(subject, bytes(''), { timeoutMs: 5000 }), { code: 'dependency.no_responder' })
  })

  test('a parent that has stopped answering costs a request its timeout', async () => {
    const { worker: end } = channelPair()
    await assert.rejects(createRelayedBus(end).request('a.b', bytes(''), { timeoutMs: 50 }), { code: 'dependency.timeout' })
  })

  test('a channel that takes no more drops messages, counts them, and fails requests at once', async () => {
    const isControl = (message: RelayMessage) => !('data' in message)
    const full: RelayChannel = { send: isControl, onMessage: () => ({ unsubscribe() {} }), onClose: () => ({ unsubscribe() {} }) }
    const worker = createRelayedBus(full)
    worker.publish('a.b', bytes('lost'))
    assert.equal(worker.counts.dropped, 1)
    await assert.rejects(worker.request('a.b', bytes(''), { timeoutMs: 5000 }), { code: 'dependency.bus_unreachable' })
  })
}

function testForkedWorker(bus: () => Bus): void {
  test('a forked worker answers, asks and hears through its parent; when it is killed nobody answers for it', async (t) => {
    const scope = `t.${randomUUID()}`
    bus().subscribe(`${scope}.parent`, (message) => message.respond(bytes(`parent heard ${text(message.data)}`)))
    const worker = await startWorker(t, bus(), scope)
    const data = randomBytes(600_000)
    assert.ok(data.equals(await bus().request(`${scope}.echo`, data, { timeoutMs: 10_000 })))
    assert.equal(text(await bus().request(`${scope}.ask`, bytes('a question'), { timeoutMs: 10_000 })), 'parent heard a question')
    bus().publish(`${scope}.note.one`, bytes('1'))
    bus().publish(`${scope}.note.two`, bytes('2'))
    assert.equal(text(await bus().request(`${scope}.notes`, bytes(''), { timeoutMs: 10_000 })), '1,2')
    worker.kill('SIGKILL')
    const isGone = (error: { code?: string }) => error.code === 'dependency.no_responder'
    await waitUntil(() => bus().request(`${scope}.echo`, bytes(''), { timeoutMs: 200 }).then(() => false, isGone))
  })
}

function testStoppedWorker(bus: () => Bus): void {
  test('a worker that has stopped reading does not fill the memory of its parent', async (t) => {
    const scope = `t.${randomUUID()}`
    const worker = await startWorker(t, bus(), scope)
    const before = bus().counts.dropped
    worker.kill('SIGSTOP')
    for (let megabytes = 0; megabytes < 60; megabytes++) bus().publish(`${scope}.note.large`, new Uint8Array(1_000_000))
    await waitUntil(() => bus().counts.dropped > before + 10)
    worker.kill('SIGCONT')
    const hears = () => bus().request(`${scope}.echo`, bytes('again'), { timeoutMs: 500 }).then((reply) => text(reply) === 'again', () => false)
    await waitUntil(hears, { timeoutMs: 15_000 })
  })
}

async function startWorker(t: TestContext, bus: Bus, scope: string) {
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
  const worker = fork(fileURLToPath(import.meta.url), [scope], { serialization: 'advanced', execArgv: [], env })
  t.after(() => worker.kill('SIGKILL'))
  attachRelay(bus, ipcChannel(worker))
  const isThere = () => bus.request(`${scope}.notes`, bytes(''), { timeoutMs: 200 })
  await waitUntil(isThere, { timeoutMs: 20_000, what: 'the forked worker' })
  return worker
}

async function runWorker(scope: string): Promise<void> {
  const bus = createRelayedBus(ipcChannel(process))
  const notes: string[] = []
  bus.subscribe(`${scope}.echo`, (message) => message.respond(message.data))
  bus.subscribe(`${scope}.ask`, async (message) => message.respond(await bus.request(`${scope}.parent`, message.data, { timeoutMs: 5000 })))
  bus.subscribe(`${scope}.note.*`, (message) => void notes.push(text(message.data.subarray(0, 100))))
  bus.subscribe(`${scope}.notes`, (message) => message.respond(bytes(notes.join(','))))
  await bus.flush()
}

if (import.meta.main) await runWorker(process.argv[2] ?? '')
