import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { RpcErrorSchema } from '@sluice/proto/messages/rpc'
import { waitUntil } from '@sluice/testkit'
import { maxMessageBytes } from './bus.ts'
import { type Both, bytes, collect, hasCode, own, text } from './bus-network.contract.ts'
import { answer, call } from './rpc.ts'

export function testRequests(both: Both): void {
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

export function testFaults(both: Both): void {
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

export function testLimits(both: Both): void {
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
