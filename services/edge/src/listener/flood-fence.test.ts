import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FloodFence } from './flood-fence.ts'

it('so many in a second are let through, one more is too much, and the next second begins anew', () => {
  const fence = new FloodFence(3)
  assert.deepEqual([5000, 5100, 5200, 5300].map((at) => fence.isTooMuch(at)), [false, false, false, true])
  assert.equal(fence.isTooMuch(6000), false)
})

it('slow and steady is never too much', () => {
  const fence = new FloodFence(1)
  for (let second = 1; second < 50; second++) assert.equal(fence.isTooMuch(second * 1000), false)
})
