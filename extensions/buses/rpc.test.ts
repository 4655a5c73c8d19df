import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { SluiceError } from '@sluice/errors'
import { RpcErrorSchema, RpcReplySchema } from '@sluice/proto/messages/rpc'
import { bytes } from './bus-network.contract.ts'
import { createLocalBus } from './local/local.ts'
import { announce, answer, call, listen } from './rpc.ts'

const types = { request: RpcErrorSchema, reply: RpcErrorSchema }
const timeoutMs = 5000

/** A bus on which `a.b` answers every request with `reply`. */
function answering(reply: Uint8Array) {
  const bus = createLocalBus()
  bus.subscribe('a.b', (message) => message.respond(reply))
  return bus
}

const replyWith = (code: string, extraJson = '') =>
  toBinary(RpcReplySchema, create(RpcReplySchema, { outcome: { case: 'error', value: { code, detail: 'why', extraJson } } }))

test('what is no catalogue error reaches the caller as an unexpected one, and the owner of the answer in full', async () => {
  const bus = createLocalBus()
  const told: unknown[] = []
  const secret = new Error('password is hunter2')
  answer(bus, 'a.b', types, () => Promise.reject(secret), { onError: (_, error) => void told.push(error) })
  await assert.rejects(call(bus, 'a.b', types, {}, { timeoutMs }), (error: SluiceError) => {
    return error.code === 'internal.unexpected' && !error.message.includes('hunter2')
  })
  assert.deepEqual(told, [secret])
})

test('an error with a code of the catalogue is not told as a fault of the answering side', async () => {
  const bus = createLocalBus()
  const told: unknown[] = []
  const fail = () => Promise.reject(new SluiceError('config.not_found'))
  answer(bus, 'a.b', types, fail, { onError: (_, error) => void told.push(error) })
  await assert.rejects(call(bus, 'a.b', types, {}, { timeoutMs }), { code: 'config.not_found' })
  assert.deepEqual(told, [])
})

test('a reply that cannot be read is an unexpected error, counted as malformed', async () => {
  for (const reply of [bytes('\xff\xff'), toBinary(RpcReplySchema, create(RpcReplySchema, { outcome: { case: 'body', value: new Uint8Array([0xff]) } }))]) {
    const bus = answering(reply)
    await assert.rejects(call(bus, 'a.b', types, {}, { timeoutMs }), { code: 'internal.unexpected' })
    assert.equal(bus.counts.malformed, 1)
  }
})

test('a code that this version does not know, broken facts and an empty reply are still errors', async () => {
  await assert.rejects(call(answering(replyWith('some.later_code')), 'a.b', types, {}, { timeoutMs }), { code: 'internal.unexpected', detail: 'why' })
  await assert.rejects(call(answering(replyWith('config.exists', '{broken')), 'a.b', types, {}, { timeoutMs }), { code: 'config.exists', extra: {} })
  await assert.rejects(call(answering(new Uint8Array()), 'a.b', types, {}, { timeoutMs }), { code: 'internal.unexpected' })
})

test('listeners of one queue share what is announced', async () => {
  const bus = createLocalBus()
  const heard: string[] = []
  for (let member = 0; member < 3; member++) listen(bus, 'a.b', RpcErrorSchema, ({ code }) => void heard.push(code), { queue: 'q' })
  announce(bus, 'a.b', RpcErrorSchema, { code: 'once' })
  await bus.flush()
  assert.deepEqual(heard, ['once'])
})

test('what a listener throws is told with its subject and counted by the bus', async () => {
  const bus = createLocalBus()
  const told: string[] = []
  const fail = () => Promise.reject(new Error('on purpose'))
  listen(bus, 'a.*', RpcErrorSchema, fail, { onError: (subject, error) => void told.push(`${subject}: ${(error as Error).message}`) })
  announce(bus, 'a.b', RpcErrorSchema, {})
  await bus.drain()
  assert.deepEqual(told, ['a.b: on purpose'])
  assert.equal(bus.counts.handlerErrors, 1)
})

test('what decodes and makes no sense counts as malformed', async () => {
  const bus = createLocalBus()
  const heard: string[] = []
  listen(bus, 'a.b', RpcErrorSchema, ({ code }) => void heard.push(code), { isValid: ({ code }) => code !== 'nonsense' })
  announce(bus, 'a.b', RpcErrorSchema, { code: 'nonsense' })
  announce(bus, 'a.b', RpcErrorSchema, { code: 'sense' })
  await bus.flush()
  assert.deepEqual(heard, ['sense'])
  assert.equal(bus.counts.malformed, 1)
})
