import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from './fake-clock.ts'

test('a fake clock moves only when told, and both readings together', () => {
  const clock = createFakeClock(1000)
  assert.deepEqual([clock.now(), clock.monotonic()], [1000, 0])
  clock.advance(250)
  assert.deepEqual([clock.now(), clock.monotonic()], [1250, 250])
})

test('a correction of the wall clock leaves the monotonic reading alone', () => {
  const clock = createFakeClock(1000)
  clock.shiftWallClock(-600)
  assert.deepEqual([clock.now(), clock.monotonic()], [400, 0])
  assert.throws(() => clock.advance(-1), RangeError)
})
