import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { type FillOutcome, Fills, type Waiter } from './fills.ts'

class Told implements Waiter {
  waitsUntil = 0
  place: Set<Waiter> | undefined = undefined
  readonly outcomes: FillOutcome[] = []
  readonly #then: (() => void) | undefined

  constructor(then?: () => void) {
    this.#then = then
  }

  onFill(outcome: FillOutcome): void {
    this.outcomes.push(outcome)
    this.#then?.()
  }
}

function open() {
  const clock = createFakeClock()
  return { clock, fills: new Fills(() => clock.monotonic()) }
}

const turn = () => new Promise(setImmediate)

test('one fills, the others wait until it is over', async () => {
  const { fills } = open()
  const [one, two, other] = [new Told(), new Told(), new Told()]
  assert.deepEqual([fills.enter('k', one), fills.enter('k', two), fills.enter('other', other)], ['fill', 'wait', 'fill'])
  assert.equal(fills.waiting, 1)
  fills.end('k', 'stored')
  await turn()
  assert.deepEqual([two.outcomes, one.outcomes, other.outcomes, fills.waiting], [['stored'], [], [], 0])
})

test('what is not for keeping is not waited for, for a while', () => {
  const { clock, fills } = open()
  fills.enter('k', new Told())
  fills.end('k', 'uncacheable')
  assert.equal(fills.enter('k', new Told()), 'pass')
  clock.advance(5000)
  assert.equal(fills.enter('k', new Told()), 'fill')
})

test('who waits too long goes on alone, and waits for nobody else after that', async () => {
  const { clock, fills } = open()
  const late = new Told()
  fills.enter('k', new Told())
  assert.equal(fills.enter('k', late), 'wait')
  clock.advance(5000)
  await waitUntil(() => late.outcomes.length === 1)
  assert.deepEqual([late.outcomes, fills.waiting], [['late'], 0])
  assert.equal(fills.enter('k', late), 'pass')
})

test('who leaves hears nothing, also when another one that waits takes it along', async () => {
  const { fills } = open()
  const leaving = new Told()
  const first = new Told(() => fills.leave(leaving))
  fills.enter('k', new Told())
  for (const waiter of [first, leaving]) fills.enter('k', waiter)
  fills.end('k', 'failed')
  await turn()
  assert.deepEqual([first.outcomes, leaving.outcomes, fills.waiting], [['failed'], [], 0])
})

test('no more than ten thousand wait in a worker', () => {
  const { fills } = open()
  fills.enter('k', new Told())
  const waiters = Array.from({ length: 10_001 }, () => new Told())
  const places = waiters.map((waiter) => fills.enter('k', waiter))
  assert.deepEqual([places.filter((place) => place === 'wait').length, places.at(-1)], [10_000, 'pass'])
  for (const waiter of waiters) fills.leave(waiter)
  assert.equal(fills.waiting, 0)
})
