import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { RpcErrorSchema } from '@sluice/proto/messages/rpc'
import { waitUntil } from '@sluice/testkit'
import { type Bus, type BusMessage, maxMessageBytes } from './bus.ts'
import { answer, call } from './rpc.ts'

export interface Network {
  /** A bus that is connected. Each call gives another member of this network, where there can be several. */
  join(): Promise<Bus>
  /** Called when all that joined have been drained. */
  end?(): Promise<void>
}

/** The tests every bus passes. Each uses subjects of its own, so that all share one network. */
export function testBus(name: string, openNetwork: () => Promise<Network>): void {
  describe(`the ${name} bus`, () => {
    let network: Network
    let bus: Bus
    let peer: Bus
    before(async () => {
      network = await openNetwork()
      bus = await network.join()
      peer = await network.join()
    })
    after(async () => {
      await Promise.all([bus.drain(), peer.drain()])
      await network.end?.()
    })
    const both = () => ({ bus, peer })
    testMessages(both)
    testQueues(both)
    testRequests(both)
    testFaults(both)
    testLimits(both)
    testDrain(openNetwork)
  })
}

type Both = () => { bus: Bus; peer: Bus }

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (data: Uint8Array): string => new TextDecoder().decode(data)
const own = (): string => `t.${randomUUID()}`
const hasCode = (code: string) => (error: unknown) => (error as { code?: unknown }).code === code

/** What arrives on `subject`, as it comes; in force when the promise resolves. */
async function collect(bus: Bus, subject: string, options = {}): Promise<BusMessage[]> {
  const messages: BusMessage[] = []
  bus.subscribe(subject, (message) => void messages.push(message), options)
  await bus.flush()
  return messages
}

function testMessages(both: Both): void {
  test('a message reaches every subscription of its subject, also those of its publisher, bytes as they were', async () => {
    const { bus, peer } = both()
    const subject = own()
    const heard = [await collect(bus, subject), await collect(bus, subject), await collect(peer, subject)]
    const data = randomBytes(300)
    bus.publish(subject, data)
    await waitUntil(() => heard.every((messages) => messages.length === 1))
    for (const [message] of heard) {
      assert.equal(message?.subject, subject)
      assert.deepEqual(Buffer.from(message.data), data)
      assert.equal(message.wantsReply, false)
      message.respond(bytes('into the void')) // does nothing, and does not throw
    }
  })

  test('nothing is delivered while publish is still running', async () => {
    const { bus } = both()
    const subject = own()
    const heard = await collect(bus, subject)
    bus.publish(subject, bytes('later'))
    assert.equal(heard.length, 0)
    await waitUntil(() => heard.length === 1)
  })

  test('a star is one token, a last > is one or more, and a subscription without wildcards is itself only', async () => {
    const { bus, peer } = both()
    const root = own()
    const patterns = ['a.b', 'a.*', '*.b', '*.*', 'a.>', '>', 'a.*.c', '*.*.*', 'a.b.c']
    const heard = new Map<string, string[]>(patterns.map((pattern) => [pattern, []]))
    for (const pattern of patterns) {
      bus.subscribe(`${root}.${pattern}`, (message) => void heard.get(pattern)?.push(message.subject.slice(root.length + 1)))
    }
    await bus.flush()
    for (const subject of ['a', 'a.b', 'a.x', 'x.b', 'a.b.c', 'end']) peer.publish(`${root}.${subject}`, bytes(''))
    await waitUntil(() => heard.get('>')?.includes('end'))
    assert.deepEqual(Object.fromEntries(heard), {
      'a.b': ['a.b'],
      'a.*': ['a.b', 'a.x'],
      '*.b': ['a.b', 'x.b'],
      '*.*': ['a.b', 'a.x', 'x.b'],
      'a.>': ['a.b', 'a.x', 'a.b.c'],
      '>': ['a', 'a.b', 'a.x', 'x.b', 'a.b.c', 'end'],
      'a.*.c': ['a.b.c'],
      '*.*.*': ['a.b.c'],
      'a.b.c': ['a.b.c'],
    })
  })

  test('messages of one publisher arrive in the order of publishing', async () => {
    const { bus, peer } = both()
    const subject = own()
    const heard = await collect(peer, subject)
    for (let number = 0; number < 3000; number++) bus.publish(subject, bytes(String(number)))
    await waitUntil(() => heard.length === 3000)
    assert.deepEqual(heard.map(({ data }) => Number(text(data))), Array.from({ length: 3000 }, (_, number) => number))
  })

  test('after unsubscribing nothing comes, and the other subscriptions go on', async () => {
    const { bus, peer } = both()
    const subject = own()
    const gone: BusMessage[] = []
    const subscription = bus.subscribe(subject, (message) => void gone.push(message))
    const staying = await collect(bus, subject)
    peer.publish(subject, bytes('1'))
    await waitUntil(() => staying.length === 1 && gone.length === 1)
    subscription.unsubscribe()
    subscription.unsubscribe() // a second time does no harm
    await bus.flush()
    peer.publish(subject, bytes('2'))
    await waitUntil(() => staying.length === 2)
    assert.equal(gone.length, 1)
  })
}

function testQueues(both: Both): void {
  test('of the members of a queue one gets each message, and every member gets some', async () => {
    const { bus, peer } = both()
    const subject = own()
    const first = [await collect(bus, subject, { queue: 'one' }), await collect(peer, subject, { queue: 'one' })]
    const second = [await collect(bus, subject, { queue: 'two' }), await collect(bus, subject, { queue: 'two' })]
    const alone = await collect(peer, subject)
    for (let number = 0; number < 200; number++) bus.publish(subject, bytes(String(number)))
    const count = (members: BusMessage[][]) => members.flat().length
    await waitUntil(() => alone.length === 200 && count(first) === 200 && count(second) === 200)
    for (const member of [...first, ...second]) assert.ok(member.length > 0)
    assert.equal(new Set(first.flat().map(({ data }) => text(data))).size, 200)
  })

  test('of several answering in one queue each request meets one', async () => {
    const { bus, peer } = both()
    const subject = own()
    const asked: string[] = []
    for (const [name, member] of [['a', bus], ['b', peer]] as const) {
      member.subscribe(subject, (message) => (asked.push(name), message.respond(bytes(name))), { queue: 'q' })
      await member.flush()
    }
    for (let number = 0; number < 50; number++) {
      const reply = text(await bus.request(subject, bytes(''), { timeoutMs: 5000 }))
      assert.equal(reply, asked.at(-1))
    }
    assert.equal(asked.length, 50)
  })
}

function testRequests(both: Both): void {
  test('two hundred requests at once each get their own answer', async () => {
    const { bus, peer } = both()
    const subject = own()
    peer.subscribe(subject, async (message) => {
      assert.equal(message.wantsReply, true)
      await Promise.resolve()
      message.respond(bytes(`${text(message.data)}!`))
    })
    await peer.flush()
    const ask = async (number: number) => text(await bus.request(subject, bytes(String(number)), { timeoutMs: 5000 }))
    const replies = await Promise.all(Array.from({ length: 200 }, (_, number) => ask(number)))
    assert.deepEqual(replies, Array.from({ length: 200 }, (_, number) => `${number}!`))
  })

  test('of several that answer the first counts, and the late one is passed over', async () => {
    const { bus, peer } = both()
    const subject = own()
    const slow = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    peer.subscribe(subject, async (message) => {
      await slow.promise
      message.respond(bytes('slow'))
      answered.resolve()
    })
    bus.subscribe(subject, (message) => (message.respond(bytes('fast')), message.respond(bytes('twice'))))
    await Promise.all([bus.flush(), peer.flush()])
    assert.equal(text(await bus.request(subject, bytes(''), { timeoutMs: 5000 })), 'fast')
    slow.resolve()
    await answered.promise
    await peer.flush()
  })

  test('where nobody listens a request fails at once, not after its timeout', async () => {
    const { bus } = both()
    const began = performance.now()
    await assert.rejects(bus.request(own(), bytes(''), { timeoutMs: 5000 }), hasCode('dependency.no_responder'))
    assert.ok(performance.now() - began < 1000)
  })

  test('where somebody listens and does not answer, a request ends with its timeout', async () => {
    const { bus, peer } = both()
    const subject = own()
    const heard = await collect(peer, subject)
    const began = performance.now()
    await assert.rejects(bus.request(subject, bytes(''), { timeoutMs: 150 }), hasCode('dependency.timeout'))
    assert.ok(performance.now() - began >= 140)
    heard[0]?.respond(bytes('too late')) // goes nowhere
    await peer.flush()
  })

  test('a typed call brings back the result, or the error with its code, its detail and its facts', async () => {
    const { bus, peer } = both()
    const types = { request: RpcErrorSchema, reply: RpcErrorSchema }
    const subject = own()
    answer(peer, subject, types, ({ code }) => {
      if (code === 'fail') throw new SluiceError('config.revision_conflict', { detail: 'lost the race', extra: { winner: 7 } })
      return { code: `${code}, too` }
    })
    await peer.flush()
    assert.equal((await call(bus, subject, types, { code: 'fine' }, { timeoutMs: 5000 })).code, 'fine, too')
    const failing = call(bus, subject, types, { code: 'fail' }, { timeoutMs: 5000 })
    await assert.rejects(failing, { code: 'config.revision_conflict', detail: 'lost the race', extra: { winner: 7 } })
  })
}

function testFaults(both: Both): void {
  test('a handler that throws or rejects is counted and goes on being called', async () => {
    const { bus, peer } = both()
    const subject = own()
    const before = bus.counts.handlerErrors
    bus.subscribe(subject, (message) => {
      if (text(message.data) === 'throw') throw new Error('on purpose')
      if (text(message.data) === 'reject') return Promise.reject(new Error('on purpose'))
      message.respond(bytes('alive'))
    })
    await bus.flush()
    peer.publish(subject, bytes('throw'))
    peer.publish(subject, bytes('reject'))
    assert.equal(text(await peer.request(subject, bytes(''), { timeoutMs: 5000 })), 'alive')
    await waitUntil(() => bus.counts.handlerErrors === before + 2)
  })

  test('a malformed message is counted, told and dropped, and the next call is answered', async () => {
    const { bus, peer } = both()
    const subject = own()
    const types = { request: RpcErrorSchema, reply: RpcErrorSchema }
    const told: string[] = []
    const before = peer.counts.malformed
    answer(peer, subject, types, () => ({ code: 'ok' }), { onMalformed: (at) => void told.push(at) })
    await peer.flush()
    bus.publish(subject, new Uint8Array([0xff, 0xff, 0xff]))
    assert.equal((await call(bus, subject, types, {}, { timeoutMs: 5000 })).code, 'ok')
    assert.equal(peer.counts.malformed, before + 1)
    assert.deepEqual(told, [subject])
  })

  test('a subject that cannot be is refused where there is somebody to tell, and counted where there is not', async () => {
    const { bus } = both()
    const before = bus.counts.dropped
    for (const wrong of ['', 'a..b', '.a', 'a.', 'a b', 'a.*', 'a.>', 'a\r\nPUB x', 'x'.repeat(2000)]) {
      bus.publish(wrong, bytes(''))
      await assert.rejects(bus.request(wrong, bytes(''), { timeoutMs: 100 }), hasCode('internal.invariant_broken'))
    }
    assert.equal(bus.counts.dropped, before + 9)
    for (const wrong of ['', 'a..b', 'a.>.b', 'a b', '>.a', 'a\r\n']) {
      assert.throws(() => bus.subscribe(wrong, () => {}), hasCode('internal.invariant_broken'))
    }
  })
}

function testLimits(both: Both): void {
  test('900 KB go out and come back unchanged', async () => {
    const { bus, peer } = both()
    const subject = own()
    peer.subscribe(subject, (message) => message.respond(message.data))
    await peer.flush()
    const data = randomBytes(900_000)
    assert.ok(data.equals(await bus.request(subject, data, { timeoutMs: 5000 })))
  })

  test('what is larger than a message may be is refused before it leaves', async () => {
    const { bus, peer } = both()
    const subject = own()
    const heard = await collect(peer, subject)
    const tooLarge = new Uint8Array(maxMessageBytes + 1)
    const before = bus.counts.dropped
    bus.publish(subject, tooLarge)
    assert.equal(bus.counts.dropped, before + 1)
    await assert.rejects(bus.request(subject, tooLarge, { timeoutMs: 5000 }), hasCode('internal.invariant_broken'))
    bus.publish(subject, bytes('small'))
    await waitUntil(() => heard.length > 0)
    assert.deepEqual(heard.map(({ data }) => data.length), [5])
  })
}

function testDrain(openNetwork: () => Promise<Network>): void {
  test('draining takes nothing new and lets a running handler finish and answer', async () => {
    const network = await openNetwork()
    const [leaving, staying] = [await network.join(), await network.join()]
    const subject = own()
    const begun = Promise.withResolvers<void>()
    const mayEnd = Promise.withResolvers<void>()
    const statuses: string[] = []
    leaving.onStatus((status) => void statuses.push(status))
    leaving.subscribe(subject, async (message) => {
      begun.resolve()
      await mayEnd.promise
      message.respond(bytes('finished'))
    })
    await leaving.flush()
    const asked = staying.request(subject, bytes(''), { timeoutMs: 5000 })
    await begun.promise
    const drained = leaving.drain(5000)
    if (leaving !== staying) {
      const isGone = () => staying.request(subject, bytes(''), { timeoutMs: 100 }).then(() => false, hasCode('dependency.no_responder'))
      await waitUntil(isGone)
    }
    mayEnd.resolve()
    assert.equal(text(await asked), 'finished')
    await drained
    assert.equal(leaving.status, 'closed')
    assert.deepEqual(statuses, ['closed'])
    await staying.drain()
    await network.end?.()
  })

  test('draining ends at its timeout when a handler does not', async () => {
    const network = await openNetwork()
    const bus = await network.join()
    const subject = own()
    const begun = Promise.withResolvers<void>()
    bus.subscribe(subject, () => (begun.resolve(), new Promise(() => {})))
    await bus.flush()
    bus.publish(subject, bytes(''))
    await begun.promise
    const start = performance.now()
    await bus.drain(200)
    assert.ok(performance.now() - start < 2000)
    await network.end?.()
  })

  test('a closed bus answers every call without throwing, and says that it cannot be reached', async () => {
    const network = await openNetwork()
    const bus = await network.join()
    await bus.drain()
    await bus.drain()
    const before = bus.counts.dropped
    bus.publish('a.b', bytes(''))
    assert.equal(bus.counts.dropped, before + 1)
    bus.subscribe('a.b', () => {}).unsubscribe()
    await assert.rejects(bus.request('a.b', bytes(''), { timeoutMs: 5000 }), hasCode('dependency.bus_unreachable'))
    await assert.rejects(bus.flush(), hasCode('dependency.bus_unreachable'))
    await network.end?.()
  })
}
