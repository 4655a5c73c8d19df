import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { Schedule } from './schedule.ts'

test('what was scheduled comes in the order in which it is due', async () => {
  const due: number[] = []
  let addedAt: number | undefined = performance.now()
  const schedule = new Schedule<number>((item) => due.push(item), () => addedAt ?? performance.now())
  const delays = Array.from({ length: 300 }, (_, index) => (index * 7919) % 307)
  for (const delay of delays) schedule.add(delay, delay / 4)
  addedAt = undefined
  await waitUntil(() => due.length === delays.length)
  assert.deepEqual(due, delays.toSorted((a, b) => a - b))
})

test('something due earlier than all else does not wait for it', async () => {
  const due: string[] = []
  const schedule = new Schedule<string>((item) => due.push(item))
  schedule.add('late', 60_000)
  schedule.add('soon', 1)
  await waitUntil(() => due.length > 0)
  assert.deepEqual(due, ['soon'])
  schedule.stop()
  schedule.add('never', 0)
  assert.equal(schedule.size, 0)
})
