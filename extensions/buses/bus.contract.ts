import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import type { Bus, BusMessage } from './bus.ts'
import { testDrain } from './bus-drain.contract.ts'
import { type Both, bytes, collect, type Network, own, text } from './bus-network.contract.ts'
import { testFaults, testLimits, testRequests } from './bus-requests.contract.ts'

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
