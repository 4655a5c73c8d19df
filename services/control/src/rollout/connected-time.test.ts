import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bus, BusStatus } from '@sluice/buses/bus'
import { createFakeClock } from '@sluice/testkit'
import { ConnectedTime } from './connected-time.ts'

function makeBus(status: BusStatus): { bus: Bus; turn(to: BusStatus): void } {
  const listeners: ((status: BusStatus) => void)[] = []
  const bus = { status, onStatus: (listener: (status: BusStatus) => void) => (listeners.push(listener), { unsubscribe() {} }) }
  return { bus: bus as unknown as Bus, turn: (to) => listeners.forEach((listener) => listener(to)) }
}

test('time stands still while the bus is away', () => {
  const clock = createFakeClock()
  const { bus, turn } = makeBus('connected')
  const time = new ConnectedTime(bus, clock)
  clock.advance(1000)
  turn('disconnected')
  clock.advance(60_000)
  assert.equal(time.now(), 1000)
  turn('connected')
  clock.advance(500)
  assert.equal(time.now(), 1500)
  time.stop()
})

test('time begins when the bus is there for the first time', () => {
  const clock = createFakeClock()
  const { bus, turn } = makeBus('disconnected')
  const time = new ConnectedTime(bus, clock)
  clock.advance(60_000)
  assert.equal(time.now(), 0)
  turn('connected')
  clock.advance(10)
  assert.equal(time.now(), 10)
  time.stop()
})

test('time hardly goes on while this process stands still and hears nobody', () => {
  const clock = createFakeClock()
  const { bus } = makeBus('connected')
  const time = new ConnectedTime(bus, clock, { now: () => clock.monotonic() })
  clock.advance(60_000)
  assert.equal(time.now(), 2000)
  time.turned()
  clock.advance(500)
  assert.equal(time.now(), 2500)
  time.stop()
})
