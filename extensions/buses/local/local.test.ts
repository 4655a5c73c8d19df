import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testBus } from '../bus.contract.ts'
import { bytes } from '../bus-network.contract.ts'
import { testRelay } from '../relay.contract.ts'
import { createLocalBus } from './local.ts'

testBus('local', async () => {
  const bus = createLocalBus()
  return { join: async () => bus }
})
testRelay('local', async () => createLocalBus())

test('what waits to be delivered has an end: the rest is dropped and counted', async () => {
  const bus = createLocalBus({ maxPending: 10 })
  let heard = 0
  bus.subscribe('a.b', () => void heard++)
  for (let number = 0; number < 25; number++) bus.publish('a.b', bytes(''))
  await bus.flush()
  assert.equal(heard, 10)
  assert.equal(bus.counts.dropped, 15)
  bus.publish('a.b', bytes(''))
  await bus.flush()
  assert.equal(heard, 11)
})

test('handlers that publish to each other without end leave room for timers', async () => {
  const bus = createLocalBus()
  let rounds = 0
  let isOver = false
  for (const [from, to] of [['ping', 'pong'], ['pong', 'ping']] as const) {
    bus.subscribe(from, async () => {
      await Promise.resolve()
      rounds++
      if (!isOver) bus.publish(to, bytes(''))
    })
  }
  bus.publish('ping', bytes(''))
  await new Promise((resolve) => setTimeout(resolve, 5))
  isOver = true
  assert.ok(rounds > 100)
  await bus.drain()
})

test('members of one queue share a message also when their subscriptions differ', async () => {
  const bus = createLocalBus()
  let heard = 0
  bus.subscribe('a.*', () => void heard++, { queue: 'q' })
  bus.subscribe('a.b', () => void heard++, { queue: 'q' })
  bus.publish('a.b', bytes(''))
  await bus.flush()
  assert.equal(heard, 1)
})

test('settings that do not fit are named', () => {
  assert.throws(() => createLocalBus({ maxPending: 0 }), /settings of the local bus: maxPending/)
})
