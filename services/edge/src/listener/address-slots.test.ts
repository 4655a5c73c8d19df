import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { OpenLimit, OpenVerdict } from '@sluice/policies/policy'
import { AddressSlots, type AddressLimit } from './address-slots.ts'

/** The host agent's count, of this worker alone. */
function counting(limit: number, spare: number) {
  const seen = { open: 0, asked: 0 }
  const counted: OpenLimit = {
    enter: async (): Promise<OpenVerdict> => {
      seen.asked++
      if (seen.open >= limit) return { admitted: false, counted: false, remaining: 0 }
      seen.open++
      return { admitted: true, counted: true, remaining: limit - seen.open }
    },
    leave: () => void seen.open--,
  }
  const addresses: AddressLimit = { limit: counted, spare }
  const slots = new AddressSlots()
  slots.configure(addresses)
  const leave = (key = 'a') => slots.leave(key, addresses)
  return { seen, slots, leave, addresses }
}

it('one connection after the other is asked about once', async () => {
  const { seen, slots, leave } = counting(10, 2)
  for (let count = 0; count < 20; count++) {
    assert.equal((await slots.enter('a'))?.admitted, true)
    leave()
  }
  assert.deepEqual(seen, { open: 1, asked: 1 })
})

it('another address is asked about by itself', async () => {
  const { seen, slots, leave } = counting(10, 2)
  await slots.enter('a')
  leave()
  await slots.enter('b')
  assert.deepEqual(seen, { open: 2, asked: 2 })
})

it('no more slots are kept than may be, and after a moment none', async () => {
  const { seen, slots, leave } = counting(10, 2)
  for (let count = 0; count < 5; count++) await slots.enter('a')
  for (let count = 0; count < 5; count++) leave()
  assert.equal(seen.open, 2)
  slots.giveBack(performance.now())
  assert.equal(seen.open, 2)
  slots.giveBack(performance.now() + 1001)
  assert.equal(seen.open, 0)
})

it('where none may be kept the count is exact', async () => {
  const { seen, slots, leave } = counting(1, 0)
  await slots.enter('a')
  assert.equal((await slots.enter('a'))?.admitted, false)
  leave()
  assert.equal(seen.open, 0)
  assert.equal((await slots.enter('a'))?.admitted, true)
})

it('a changed limit gives back what was kept, and what came in by the one before leaves it', async () => {
  const { seen, slots, leave } = counting(10, 2)
  await slots.enter('a')
  await slots.enter('a')
  leave()
  slots.configure(undefined)
  assert.equal(slots.enter('a'), undefined)
  assert.equal(seen.open, 1)
  leave()
  assert.equal(seen.open, 0)
})
