/**
 * Each algorithm against its textbook definition: models that keep every admitted request and step through time a
 * millisecond at a time, slow and simple. Rules, costs and pauses are whole numbers, so that the models are exact.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock, type FakeClock } from '@sluice/testkit'
import fc from 'fast-check'
import type { LimitRule, Take } from '../counter.ts'
import { createMemoryCounters } from './memory.ts'

/** 12,500 schedules over the five algorithms. */
const schedulesEach = 2500

interface Step {
  readonly waitMs: number
  readonly cost: number
}

const schedule = fc.array(fc.record({ waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 400 })), cost: fc.integer({ min: 0, max: 9 }) }), { maxLength: 30 })
const bucket = fc.record({ limit: fc.integer({ min: 1, max: 12 }), tokenMs: fc.integer({ min: 1, max: 40 }), burst: fc.integer({ min: 1, max: 8 }), maxWaitMs: fc.integer({ min: 0, max: 300 }) })
const window = fc.record({ limit: fc.integer({ min: 1, max: 8 }), windowMs: fc.integer({ min: 1, max: 250 }) })

/** What a model says of the instant; it takes nothing by itself. */
interface Model {
  /** What is above it never passes. */
  readonly mostCost: number
  /** How many more requests of cost 1 would pass at once. */
  remaining(): number
  /** Whether this cost would be admitted `ms` from now, if nothing else came. */
  fitsIn(ms: number, cost: number): boolean
  isWholeIn(ms: number): boolean
  take(cost: number): void
  /** How long the request that was taken last waits. */
  wait?(): number
  pass(ms: number): void
}

/** Far enough for any of the rules above. */
const horizonMs = 2000

/** The first millisecond at which it holds; while nothing else comes, what holds once holds from then on. */
function firstMs(holds: (ms: number) => boolean): number {
  if (holds(0)) return 0
  let [before, at] = [0, horizonMs]
  assert.ok(holds(at), `it does not hold within ${horizonMs} ms`)
  while (at - before > 1) {
    const middle = (before + at) >> 1
    if (holds(middle)) at = middle
    else before = middle
  }
  return at
}

function play(rule: LimitRule, model: Model, clock: FakeClock, steps: readonly Step[]): void {
  const counters = createMemoryCounters({}, { clock })
  const take = (cost: number): Take => counters.take('k', rule, cost)
  for (const { waitMs, cost } of steps) {
    clock.advance(waitMs)
    model.pass(waitMs)
    const retryAfterMs = cost > model.mostCost ? Infinity : firstMs((ms) => model.fitsIn(ms, cost))
    const admitted = retryAfterMs === 0
    assert.equal(counters.peek('k', rule).admitted, model.fitsIn(0, 1), 'a look')
    const actual = take(cost)
    if (admitted) model.take(cost)
    assert.deepEqual({ admitted: actual.admitted, remaining: actual.remaining }, { admitted, remaining: model.remaining() })
    near(actual.retryAfterMs, retryAfterMs, 'retryAfterMs')
    near(actual.resetMs, firstMs((ms) => model.isWholeIn(ms)), 'resetMs')
    near(actual.waitMs, admitted ? (model.wait?.() ?? 0) : 0, 'waitMs')
  }
}

function near(actual: number, expected: number, what: string): void {
  assert.ok(actual === expected || Math.abs(actual - expected) < 1e-6, `${what} is ${actual}, not ${expected}`)
}

/**
 * A bucket of tokens in units of 1/tokenMs, with a queue of requests in front of it that leave in their order as soon
 * as there is enough for the first; without a queue a token bucket.
 */
class BucketModel implements Model {
  readonly mostCost: number
  readonly capacity: number
  readonly tokenMs: number
  readonly most: number
  readonly maxWaitMs: number
  level: number
  queue: { cost: number; left: number }[] = []

  constructor(rule: { limit: number; tokenMs: number; burst: number; maxWaitMs: number }, queues: boolean) {
    this.mostCost = rule.burst
    this.tokenMs = rule.tokenMs
    this.capacity = rule.burst * rule.tokenMs
    this.most = queues ? Math.max(rule.limit, rule.burst) : 0
    this.maxWaitMs = queues ? rule.maxWaitMs : 0
    this.level = this.capacity
  }

  copy(): BucketModel {
    const copy = Object.assign(Object.create(BucketModel.prototype) as BucketModel, this)
    copy.queue = this.queue.map((one) => ({ ...one }))
    return copy
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left--) {
      this.level = this.queue.length > 0 ? this.level + 1 : Math.min(this.capacity, this.level + 1)
      this.serve()
      this.level = Math.min(this.capacity, this.level)
    }
  }

  /** Who waits and is not yet served takes what there is for him, a unit at a time: tokens for the first are not lost. */
  serve(): void {
    for (let first = this.queue[0]; first !== undefined; first = this.queue[0]) {
      const part = Math.min(first.left, this.level)
      first.left -= part
      this.level -= part
      if (first.left > 0) return
      this.queue.shift()
    }
  }

  take(cost: number): void {
    this.queue.push({ cost, left: cost * this.tokenMs })
    this.serve()
  }

  wait(): number {
    const ahead = this.copy()
    let ms = 0
    for (; ahead.queue.length > 0; ms++) ahead.pass(1)
    return ms
  }

  fitsIn(ms: number, cost: number): boolean {
    const then = this.copy()
    then.pass(ms)
    then.take(cost)
    const owed = then.queue.reduce((sum, { left }) => sum + left, 0)
    return owed <= this.most * this.tokenMs && then.wait() <= this.maxWaitMs
  }

  remaining(): number {
    return this.queue.length > 0 ? 0 : Math.floor(this.level / this.tokenMs)
  }

  isWholeIn(ms: number): boolean {
    const then = this.copy()
    then.pass(ms)
    return then.queue.length === 0 && then.level === then.capacity
  }
}

/** Every request that was admitted, with its instant on the wall clock. */
abstract class RequestsModel implements Model {
  readonly requests: { at: number; cost: number }[] = []
  readonly rule: { limit: number; windowMs: number }
  readonly mostCost: number
  now: number

  constructor(rule: { limit: number; windowMs: number }, clock: FakeClock) {
    this.rule = rule
    this.mostCost = rule.limit
    this.now = clock.now()
  }

  /** What counts at an instant, in parts of 1/windowMs, so that it is a whole number. */
  abstract countedAt(at: number): number

  sum(from: number, until: number): number {
    return this.requests.filter(({ at }) => at >= from && at < until).reduce((sum, { cost }) => sum + cost, 0)
  }

  pass(ms: number): void {
    this.now += ms
  }

  take(cost: number): void {
    this.requests.push({ at: this.now, cost })
  }

  fitsIn(ms: number, cost: number): boolean {
    return this.countedAt(this.now + ms) + cost * this.rule.windowMs <= this.rule.limit * this.rule.windowMs
  }

  remaining(): number {
    return Math.floor((this.rule.limit * this.rule.windowMs - this.countedAt(this.now)) / this.rule.windowMs)
  }

  isWholeIn(ms: number): boolean {
    return this.countedAt(this.now + ms) === 0
  }
}

class FixedWindowModel extends RequestsModel {
  countedAt(at: number): number {
    const { windowMs } = this.rule
    const start = at - (at % windowMs)
    return this.sum(start, start + windowMs) * windowMs
  }
}

class SlidingWindowModel extends RequestsModel {
  countedAt(at: number): number {
    const { windowMs } = this.rule
    const elapsed = at % windowMs
    const start = at - elapsed
    return this.sum(start - windowMs, start) * (windowMs - elapsed) + this.sum(start, start + windowMs) * windowMs
  }
}

class LogModel extends RequestsModel {
  countedAt(at: number): number {
    const { windowMs } = this.rule
    return this.sum(at - windowMs + 1, at + 1) * windowMs
  }
}

test('the token bucket is the one of the textbook', () => {
  fc.assert(
    fc.property(bucket, schedule, (given, steps) => {
      const rule: LimitRule = { algorithm: 'token-bucket', limit: given.limit, windowMs: given.limit * given.tokenMs, burst: given.burst }
      play(rule, new BucketModel(given, false), createFakeClock(), steps)
    }),
    { numRuns: schedulesEach },
  )
})

test('the leaky bucket lets requests wait in their order, as long and as many as its settings allow', () => {
  fc.assert(
    fc.property(bucket, schedule, (given, steps) => {
      const rule: LimitRule = { algorithm: 'leaky-bucket', limit: given.limit, windowMs: given.limit * given.tokenMs, burst: given.burst, maxWaitMs: given.maxWaitMs }
      play(rule, new BucketModel(given, true), createFakeClock(), steps)
    }),
    { numRuns: schedulesEach },
  )
})

for (const [algorithm, Windows] of [['fixed-window', FixedWindowModel], ['sliding-window', SlidingWindowModel], ['sliding-window-log', LogModel]] as const) {
  test(`the ${algorithm} is the one of the textbook`, () => {
    fc.assert(
      fc.property(window, schedule, (given, steps) => {
        const clock = createFakeClock()
        play({ algorithm, ...given }, new Windows(given, clock), clock, steps)
      }),
      { numRuns: schedulesEach },
    )
  })
}
