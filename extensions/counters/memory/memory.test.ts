import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createFakeClock } from '@sluice/testkit'
import fc from 'fast-check'
import { hourly, testCounters } from '../counter.contract.ts'
import type { LimitRule, TokenBucketRule } from '../counter.ts'
import { createMemoryCounters } from './memory.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const contractClock = createFakeClock()
const shared = createMemoryCounters({}, { clock: contractClock })
testCounters('memory', { open: async () => shared, pass: (ms) => contractClock.advance(ms), toleranceMs: 0, runs: 300 })

/** The bucket of the books with a clock: a level that time fills, in whole milliseconds. */
function referenceBucket(rule: TokenBucketRule, clock: { monotonic(): number }) {
  const tokenMs = rule.windowMs / rule.limit
  const capacityMs = rule.burst * tokenMs
  let level = capacityMs
  let filledAt = clock.monotonic()
  return (cost: number) => {
    level = Math.min(capacityMs, level + clock.monotonic() - filledAt)
    filledAt = clock.monotonic()
    const admitted = cost * tokenMs <= level
    if (admitted) level -= cost * tokenMs
    return { admitted, remaining: Math.floor(level / tokenMs), resetMs: capacityMs - level }
  }
}

test('with time passing in any pattern, calls give what a plain token bucket gives', () => {
  const rules = fc.record({ limit: fc.integer({ min: 1, max: 20 }), tokenMs: fc.integer({ min: 1, max: 50 }), burst: fc.integer({ min: 1, max: 20 }) })
  const steps = fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 300 }), cost: fc.integer({ min: 0, max: 21 }) }), { maxLength: 60 })
  fc.assert(
    fc.property(rules, steps, ({ limit, tokenMs, burst }, calls) => {
      const clock = createFakeClock()
      const counters = createMemoryCounters({}, { clock })
      const rule: TokenBucketRule = { algorithm: 'token-bucket', limit, windowMs: limit * tokenMs, burst }
      const reference = referenceBucket(rule, clock)
      for (const { waitMs, cost } of calls) {
        clock.advance(waitMs)
        const { admitted, remaining, resetMs } = counters.take('k', rule, cost)
        const expected = reference(cost)
        assert.deepEqual({ admitted, remaining }, { admitted: expected.admitted, remaining: expected.remaining })
        assert.ok(Math.abs(resetMs - expected.resetMs) < 1e-6)
      }
    }),
  )
})

test('fractions of a millisecond do not add up to a lost or a gained token', () => {
  for (const [limit, windowMs, burst] of [[3, 1000, 3], [7, 1000, 700], [1_000_000, 1000, 5000], [1, 3_600_000, 10]] as const) {
    const clock = createFakeClock()
    clock.advance(30 * 24 * 3_600_000) // a process that has run for a month
    const counters = createMemoryCounters({}, { clock })
    const rule: LimitRule = { algorithm: 'token-bucket', limit, windowMs, burst }
    for (let taken = 1; taken <= burst; taken++) assert.equal(counters.take('k', rule, 1).remaining, burst - taken)
    const refused = counters.take('k', rule, 1)
    assert.equal(refused.admitted, false)
    clock.advance(refused.retryAfterMs)
    assert.equal(counters.take('k', rule, 1).admitted, true)
  }
})

test('the wall clock may jump: only time that passed counts', () => {
  const clock = createFakeClock()
  const counters = createMemoryCounters({}, { clock })
  counters.take('k', hourly(1), 1)
  clock.shiftWallClock(7 * 3_600_000)
  assert.equal(counters.take('k', hourly(1), 1).admitted, false)
})

test('beyond the most keys the one not used for longest is forgotten', () => {
  const counters = createMemoryCounters({ maxKeys: 3 }, { clock: createFakeClock() })
  for (const key of ['a', 'b', 'c']) counters.take(key, hourly(1), 1)
  counters.take('a', hourly(1), 1) // refused, and used all the same
  counters.take('d', hourly(1), 1)
  assert.equal(counters.size, 3)
  assert.deepEqual(['a', 'c', 'd'].map((key) => counters.peek(key, hourly(1)).admitted), [false, false, false])
  assert.equal(counters.peek('b', hourly(1)).admitted, true)
  counters.take('e', hourly(1), 1)
  counters.take('f', hourly(1), 1)
  counters.take('g', hourly(1), 1)
  assert.deepEqual(['e', 'f', 'g'].map((key) => counters.peek(key, hourly(1)).admitted), [false, false, false])
  assert.equal(counters.size, 3)
})

test('buckets that are full again are swept, though nobody asks for them', () => {
  const clock = createFakeClock()
  const counters = createMemoryCounters({}, { clock })
  const quick: LimitRule = { algorithm: 'token-bucket', limit: 10, windowMs: 1000, burst: 10 }
  counters.take('stays', hourly(1), 1)
  for (let round = 0; round < 20; round++) {
    for (let key = 0; key < 500; key++) counters.take(`${round}:${key}`, quick, 1)
    clock.advance(200)
    assert.ok(counters.size <= 1600, `${counters.size} keys`)
  }
  assert.equal(counters.peek('stays', hourly(1)).admitted, false)
})

test('a million keys in and out of a full map take seconds, not hours', () => {
  const counters = createMemoryCounters({ maxKeys: 200_000 }, { clock: createFakeClock() })
  const began = performance.now()
  for (let key = 0; key < 1_000_000; key++) counters.take(String(key), hourly(1), 1)
  assert.equal(counters.size, 200_000)
  assert.ok(performance.now() - began < 10_000)
})

test('a few keys used for long cost no more memory than at the beginning', () => {
  const counters = createMemoryCounters({}, { clock: createFakeClock() })
  const use = (rounds: number) => {
    for (let round = 0; round < rounds; round++) counters.take(`key ${round % 1000}`, hourly(1e9), 1)
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = use(20_000)
  const after = use(400_000)
  assert.ok(after - before < 2e6, `${after - before} bytes more`)
})

test('logs are bounded all together: the one not used for longest is forgotten, and no other kind of count is', () => {
  const counters = createMemoryCounters({ maxLogEntries: 10_000 }, { clock: createFakeClock() })
  const rule: LimitRule = { algorithm: 'sliding-window-log', limit: 4000, windowMs: 60_000 }
  counters.take('bucket', hourly(1), 1)
  for (const key of ['a', 'b', 'c']) for (let taken = 0; taken < 4000; taken++) assert.equal(counters.take(key, rule, 1).admitted, true)
  assert.equal(counters.logged, 8000)
  assert.deepEqual(['a', 'b', 'c'].map((key) => counters.peek(key, rule).remaining), [4000, 0, 0])
  assert.equal(counters.peek('bucket', hourly(1)).admitted, false)
  counters.reset('b')
  assert.equal(counters.logged, 4000)
})

test('a log forgets what left its window, so that it never holds many more than its limit', () => {
  const clock = createFakeClock()
  const counters = createMemoryCounters({}, { clock })
  const rule: LimitRule = { algorithm: 'sliding-window-log', limit: 50, windowMs: 1000 }
  for (let taken = 0; taken < 20_000; taken++) {
    counters.take('k', rule, 1)
    clock.advance(20)
    assert.ok(counters.logged <= 150, `${counters.logged} entries`)
  }
})

test('a wall clock that steps back opens no window a second time, and one that is set right again counts on', () => {
  for (const algorithm of ['fixed-window', 'sliding-window'] as const) {
    const clock = createFakeClock() // at the beginning of a minute
    const counters = createMemoryCounters({}, { clock })
    const rule: LimitRule = { algorithm, limit: 2, windowMs: 60_000 }
    for (let taken = 0; taken < 2; taken++) assert.equal(counters.take('k', rule, 1).admitted, true)
    clock.shiftWallClock(-500)
    assert.equal(counters.take('k', rule, 1).admitted, false, algorithm)
    clock.shiftWallClock(-7 * 3_600_000)
    assert.equal(counters.take('k', rule, 1).admitted, true, algorithm)
  }
})

test('a question with another window than the one that is counted gets no answer from it, and leaves it alone', () => {
  const counters = createMemoryCounters({}, { clock: createFakeClock() })
  const rule: LimitRule = { algorithm: 'fixed-window', limit: 5, windowMs: 60_000 }
  counters.take('k', rule, 4)
  assert.equal(counters.peek('k', { ...rule, windowMs: 1000 }).remaining, 5)
  assert.equal(counters.peek('k', hourly(7)).remaining, 7)
  counters.giveBack('k', hourly(7), 4)
  assert.equal(counters.peek('k', rule).remaining, 1)
})

test('settings that do not fit are named', () => {
  assert.throws(() => createMemoryCounters({ maxKeys: 0 }), /settings of the memory counters: maxKeys/)
  assert.throws(() => createMemoryCounters({ maxLogEntries: 9999 }), /settings of the memory counters: maxLogEntries/)
})
