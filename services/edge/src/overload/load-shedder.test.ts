import assert from 'node:assert/strict'
import { it } from 'node:test'
import { LoadShedder } from './load-shedder.ts'

function observe(shedder: LoadShedder, lagMs: number, times: number): void {
  for (let count = 0; count < times; count++) shedder.observe(lagMs)
}

/** Of a thousand requests. */
function refused(shedder: LoadShedder): number {
  let count = 0
  for (let index = 0; index < 1000; index++) if (shedder.isShedding && shedder.refuses()) count++
  return count
}

it('a single late turn refuses nobody', () => {
  const shedder = new LoadShedder(200)
  shedder.observe(1900)
  assert.equal(shedder.isShedding, false)
  observe(shedder, 0, 100)
  assert.equal(refused(shedder), 0)
})

it('the part that is refused grows while the lag lasts, and some requests always pass', () => {
  const shedder = new LoadShedder(200)
  observe(shedder, 400, 10)
  const first = refused(shedder)
  assert.ok(first > 0 && first < 1000, String(first))
  observe(shedder, 400, 3)
  assert.ok(refused(shedder) > first)
  observe(shedder, 400, 1000)
  assert.equal(refused(shedder), 900)
})

it('between the mark and its half the part stays; below it shrinks, slower than it grew, to none', () => {
  const shedder = new LoadShedder(200)
  observe(shedder, 1000, 5)
  observe(shedder, 150, 100)
  const held = refused(shedder)
  observe(shedder, 150, 100)
  assert.ok(Math.abs(refused(shedder) - held) <= 1)
  observe(shedder, 0, 12)
  assert.ok(refused(shedder) > 0)
  observe(shedder, 0, 100)
  assert.equal(shedder.isShedding, false)
  assert.equal(refused(shedder), 0)
})

it('those that are refused are spread evenly', () => {
  const shedder = new LoadShedder(200)
  observe(shedder, 1000, 1000)
  const gaps = []
  for (let index = 0, last = -1; index < 1000; index++) {
    if (shedder.refuses()) continue
    if (last >= 0) gaps.push(index - last)
    last = index
  }
  assert.ok(Math.max(...gaps) - Math.min(...gaps) <= 1, `${Math.min(...gaps)} to ${Math.max(...gaps)}`)
})

it('with no mark nobody is ever refused', () => {
  const shedder = new LoadShedder(0)
  observe(shedder, 60_000, 1000)
  assert.equal(shedder.isShedding, false)
  assert.equal(shedder.lagMs > 1000, true)
})
