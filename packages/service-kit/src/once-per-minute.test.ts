import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { oncePerMinute } from './once-per-minute.ts'

test('an event is told at once, then once a minute with how many it stands for', () => {
  const clock = createFakeClock()
  const told: string[] = []
  const tell = oncePerMinute((key, times, event: string) => void told.push(`${key} ${event} x${times}`), clock)
  tell('a', '1')
  tell('a', '2')
  tell('b', '3')
  clock.advance(59_999)
  tell('a', '4')
  clock.advance(1)
  tell('a', '5')
  tell('a', '6')
  assert.deepEqual(told, ['a 1 x1', 'b 3 x1', 'a 5 x3'])
})

test('it remembers a thousand keys and forgets the oldest', () => {
  let told = 0
  const tell = oncePerMinute(() => told++, createFakeClock())
  for (let key = 0; key <= 1000; key++) tell(String(key))
  tell('1000')
  assert.equal(told, 1001)
  tell('0')
  assert.equal(told, 1002)
})
