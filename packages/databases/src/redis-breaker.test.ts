import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { RedisBreaker } from './redis-breaker.ts'

function openRedisBreaker() {
  const clock = createFakeClock()
  const breaker = new RedisBreaker(clock)
  for (let timeouts = 0; timeouts < 5; timeouts++) {
    assert.ok(breaker.admit())
    breaker.timedOut()
  }
  return { breaker, clock }
}

test('after five timeouts in a row nobody asks for a second, then one does', () => {
  const { breaker, clock } = openRedisBreaker()
  assert.ok(breaker.isOpen)
  clock.advance(999)
  assert.ok(!breaker.admit())
  clock.advance(1)
  assert.deepEqual([breaker.admit(), breaker.admit(), breaker.admit()], [true, false, false])
})

test('a probe that is answered lets everybody ask again', () => {
  const { breaker, clock } = openRedisBreaker()
  clock.advance(1000)
  assert.ok(breaker.admit())
  breaker.answered()
  assert.ok(!breaker.isOpen)
  assert.deepEqual([breaker.admit(), breaker.admit()], [true, true])
})

test('a probe that times out means another second', () => {
  const { breaker, clock } = openRedisBreaker()
  clock.advance(1000)
  assert.ok(breaker.admit())
  clock.advance(20)
  breaker.timedOut()
  clock.advance(999)
  assert.ok(!breaker.admit())
  clock.advance(1)
  assert.ok(breaker.admit())
})

test('timeouts with an answer between them do not add up', () => {
  const breaker = new RedisBreaker(createFakeClock())
  for (let round = 0; round < 10; round++) {
    for (let timeouts = 0; timeouts < 4; timeouts++) breaker.timedOut()
    breaker.answered()
  }
  assert.ok(breaker.admit())
})
