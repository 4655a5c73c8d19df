import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { oncePerMinute } from './once-per-minute.ts'

test('an event is told at once, then once a minute with how many were left out', () => {
  const clock = createFakeClock()
  const told: string[] = []
  const tell = oncePerMinute((key: string, event: string, leftOut) => void told.push(`${key} ${event} +${leftOut}`), clock)
  tell('a', '1')
  tell('a', '2')
  tell('b', '3')
  clock.advance(59_999)
  tell('a', '4')
  clock.advance(1)
  tell('a', '5')
  tell('a', '6')
  assert.deepEqual(told, ['a 1 +0', 'b 3 +0', 'a 5 +2'])
})

test('it remembers a thousand keys and forgets the oldest', () => {
  let told = 0
  const tell = oncePerMinute<undefined>(() => told++, createFakeClock())
  for (let key = 0; key <= 1000; key++) tell(String(key), undefined)
  tell('1000', undefined)
  assert.equal(told, 1001)
  tell('0', undefined)
  assert.equal(told, 1002)
})
