// What it does with a control that does not answer as it should; how it carries messages is tested in ../test/through-control.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer, startUpstream, waitUntil } from '@sluice/testkit'
import { createControlBus } from './control.ts'

test('a control that does not know the token is asked again and again, and meanwhile there is no bus', async (t) => {
  const control = await startUpstream(t, answer(401, 'no'))
  const errors: string[] = []
  const bus = createControlBus({ urls: [control.url], token: 'hunter2', reconnectWaitMs: 10 }, { onTransportError: (error) => void errors.push((error as Error).message) })
  t.after(() => bus.drain(200))
  await waitUntil(() => control.requests.length > 1)
  assert.match(errors[0] ?? '', /answered 401 instead of opening the bus/)
  assert.ok(!errors.join().includes('hunter2'))
  assert.equal(bus.status, 'disconnected')
  await assert.rejects(bus.request('a.b', new Uint8Array(), { timeoutMs: 5000 }), { code: 'dependency.bus_unreachable' })
  const before = bus.counts.dropped
  bus.publish('a.b', new Uint8Array())
  assert.equal(bus.counts.dropped, before + 1)
})

test('settings that do not fit are named, without the token', () => {
  assert.throws(() => createControlBus({ urls: ['nats://h'], token: 'hunter2' }), (error: Error) => /urls\.0: must look like https:/.test(error.message) && !/hunter2/.test(error.message))
  assert.throws(() => createControlBus({ urls: [], token: 'hunter2' }), /urls/)
})
