import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { SequencedSchema } from '@sluice/proto/messages/rpc'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import type { Bus } from './bus.ts'
import { bytes, text } from './bus-network.contract.ts'
import { createLocalBus } from './local/local.ts'
import { withTold } from './relay.contract.ts'
import { announce } from './rpc.ts'
import { createSequencedPublisher, subscribeSequenced, type SubscriberOptions } from './sequenced.ts'

const subject = 'gw.test'

/** Subscribes on a bus of its own; `log` is what the handlers were told, in order. */
function hearing(options: SubscriberOptions = {}) {
  const bus = createLocalBus()
  const log: string[] = []
  const subscription = subscribeSequenced(
    bus,
    subject,
    {
      onMessage: (body, { publisher, sequence }) => void log.push(`${publisher} ${sequence} ${text(body)}`),
      onGap: (publisher) => void log.push(`gap ${publisher}`),
      onPublisher: (publisher) => void log.push(`met ${publisher}`),
    },
    options,
  )
  const say = async (publisher: string, sequence: number, beacon = false) => {
    announce(bus, subject, SequencedSchema, { publisher, sequence, beacon, body: bytes(beacon ? '' : 'x') })
    await bus.flush()
    return log.splice(0)
  }
  return { bus, log, say, subscription }
}

test('messages arrive in order with their number; meeting a publisher counts as a possible gap', async (t) => {
  const { bus, log } = hearing()
  const publisher = startPublisher(t, bus)
  publisher.publish(bytes('one'))
  publisher.publish(bytes('two'))
  await bus.flush()
  const name = log[0]?.slice(4)
  assert.deepEqual(log, [`met ${name}`, `gap ${name}`, `${name} 1 one`, `${name} 2 two`])
})

test('a skipped number is a gap, told before the message that showed it', async () => {
  const { say } = hearing()
  assert.deepEqual(await say('p', 1), ['met p', 'gap p', 'p 1 x'])
  assert.deepEqual(await say('p', 4), ['gap p', 'p 4 x'])
  assert.deepEqual(await say('p', 5), ['p 5 x'])
})

test('repetitions and latecomers are passed over', async () => {
  const { say } = hearing()
  await say('p', 3)
  assert.deepEqual(await say('p', 3), [])
  assert.deepEqual(await say('p', 2), [])
  assert.deepEqual(await say('p', 2, true), [])
  assert.deepEqual(await say('p', 4), ['p 4 x'])
})

test('the loss of the last message shows by the beacon, once', async () => {
  const { say } = hearing()
  await say('p', 1)
  assert.deepEqual(await say('p', 1, true), [])
  assert.deepEqual(await say('p', 2, true), ['gap p'])
  assert.deepEqual(await say('p', 2, true), [])
  assert.deepEqual(await say('p', 3), ['p 3 x'])
})

test('a publisher that starts again is a new one, and several are kept apart', async () => {
  const { say } = hearing()
  await say('p', 7)
  assert.deepEqual(await say('q', 0, true), ['met q', 'gap q'])
  assert.deepEqual(await say('q', 1), ['q 1 x'])
  assert.deepEqual(await say('p', 8), ['p 8 x'])
})

test('the beacon goes out by itself, at the start and then regularly', async (t) => {
  const { bus, log } = hearing()
  const beacons: boolean[] = []
  bus.subscribe(subject, (message) => void beacons.push(message.data.length > 0))
  startPublisher(t, bus)
  await waitUntil(() => beacons.length >= 3)
  assert.equal(log.length, 2) // met and gap, once
})

test('when the bus comes back, what was missed is unknown: a gap without a name, and a beacon from the publisher', async (t) => {
  const { bus, tell } = withTold(createLocalBus())
  const gaps: (string | undefined)[] = []
  let heard = 0
  bus.subscribe(subject, () => void heard++)
  await bus.flush()
  const subscription = subscribeSequenced(bus, subject, { onMessage: () => {}, onGap: (publisher) => void gaps.push(publisher) })
  const publisher = createSequencedPublisher(bus, subject, { beaconMs: 60_000 })
  t.after(() => publisher.stop())
  await waitUntil(() => heard === 1 && gaps.length === 1)
  await tell('disconnected')
  await tell('connected')
  await waitUntil(() => heard === 2)
  assert.deepEqual(gaps.slice(1), [undefined])
  subscription.unsubscribe()
  publisher.stop()
  await tell('disconnected')
  await tell('connected')
  await bus.flush()
  assert.equal(gaps.length, 2)
  assert.equal(heard, 2)
})

test('silence can be measured: from the beginning, then from what was last heard', async () => {
  const clock = createFakeClock()
  const { say, subscription } = hearing({ clock })
  clock.advance(31_000)
  assert.equal(clock.monotonic() - subscription.lastHeardAt(), 31_000)
  await say('p', 0, true)
  assert.equal(clock.monotonic() - subscription.lastHeardAt(), 0)
})

test('of many publishers the one that was silent for longest is forgotten and is new when it speaks', async () => {
  const { say } = hearing({ maxPublishers: 2 })
  await say('a', 1)
  await say('b', 1)
  await say('a', 2)
  await say('c', 1)
  assert.deepEqual(await say('a', 3), ['a 3 x'])
  assert.deepEqual(await say('b', 2), ['met b', 'gap b', 'b 2 x'])
})

test('a number or a name that cannot be is malformed', async () => {
  const { bus, say } = hearing()
  for (const [publisher, sequence] of [['', 1], ['p', 0], ['p', -1], ['p', 1.5], ['p', Number.NaN], ['p', 2 ** 60], ['x'.repeat(200), 1]] as const) {
    assert.deepEqual(await say(publisher, sequence), [])
  }
  assert.equal(bus.counts.malformed, 7)
})

test('after unsubscribing nothing is told', async () => {
  const { say, subscription } = hearing()
  subscription.unsubscribe()
  assert.deepEqual(await say('p', 1), [])
})

function startPublisher(t: TestContext, bus: Bus) {
  const publisher = createSequencedPublisher(bus, subject, { beaconMs: 5 })
  t.after(() => publisher.stop())
  return publisher
}
