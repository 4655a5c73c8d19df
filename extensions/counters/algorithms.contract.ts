import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { assertNear, type CountersHarness, type Opened } from './harness.contract.ts'
import type { Counters, LeakyBucketRule, LimitRule, WindowRule } from './counter.ts'

const hourMs = 3_600_000
const windows = ['fixed-window', 'sliding-window', 'sliding-window-log'] as const
/** So slow that nothing comes back during a test. */
const hourly = (algorithm: WindowRule['algorithm'], limit: number): WindowRule => ({ algorithm, limit, windowMs: hourMs })

/** What the algorithms other than the token bucket have to do in any store. */
export function testAlgorithms(opened: Opened, harness: CountersHarness): void {
  for (const algorithm of windows) describe(algorithm, () => testWindow(algorithm, opened, harness))
  describe('fixed-window and time', () => testFixedWindow(opened, harness))
  describe('sliding-window and time', () => testSlidingWindow(opened, harness))
  describe('windows of their own', () => {
    testOrigin('fixed-window', opened, harness)
    testOrigin('sliding-window', opened, harness)
  })
  describe('sliding-window-log and time', () => testLog(opened, harness))
  describe('leaky-bucket', () => testLeakyBucket(opened, harness))
}

async function takeSome(counters: Counters, key: string, rule: LimitRule, times: number): Promise<number> {
  let admitted = 0
  for (let time = 0; time < times; time++) if ((await counters.take(key, rule, 1)).admitted) admitted++
  return admitted
}

function testWindow(algorithm: WindowRule['algorithm'], opened: Opened, { pass, toleranceMs }: CountersHarness): void {
  test('it admits its limit, then refuses and says how long to wait', async () => {
    const { counters } = opened()
    const key = randomUUID()
    for (let left = 4; left >= 0; left--) {
      const take = await counters.take(key, hourly(algorithm, 5), 1)
      assert.deepEqual([take.admitted, take.remaining, take.retryAfterMs, take.waitMs], [true, left, 0, 0])
      assert.ok(take.resetMs > 0 && take.resetMs <= 2 * hourMs)
    }
    const refused = await counters.take(key, hourly(algorithm, 5), 1)
    assert.deepEqual([refused.admitted, refused.remaining], [false, 0])
    assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= refused.resetMs + toleranceMs)
  })

  test('a cost is taken whole or not at all, and one above the limit never', async () => {
    const { counters } = opened()
    const key = randomUUID()
    assert.equal((await counters.take(key, hourly(algorithm, 5), 3)).remaining, 2)
    assert.deepEqual((await counters.take(key, hourly(algorithm, 5), 3)).remaining, 2)
    assert.equal((await counters.take(key, hourly(algorithm, 5), 6)).retryAfterMs, Infinity)
    assert.equal((await counters.take(key, hourly(algorithm, 5), 2)).admitted, true)
    assert.equal((await counters.take(key, hourly(algorithm, 5), 0)).admitted, true)
  })

  test('of twenty at once for the last ten ten are admitted', async () => {
    const { counters, peer } = opened()
    const key = randomUUID()
    const rule = hourly(algorithm, 30)
    await counters.take(key, rule, 20)
    const takes = await Promise.all(Array.from({ length: 20 }, (_, caller) => (caller % 2 === 0 ? counters : peer).take(key, rule, 1)))
    assert.equal(takes.filter(({ admitted }) => admitted).length, 10)
    assert.equal((await peer.peek(key, rule)).remaining, 0)
  })

  test('what is given back can be taken again, never more than that', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule = hourly(algorithm, 5)
    await counters.giveBack(key, rule, 3)
    assert.equal((await counters.peek(key, rule)).remaining, 5)
    await counters.take(key, rule, 3)
    await counters.take(key, rule, 2)
    await counters.giveBack(key, rule, 3)
    assert.equal((await counters.peek(key, rule)).remaining, 3)
    await counters.giveBack(key, rule, 100)
    assert.deepEqual(await counters.peek(key, rule), { admitted: true, remaining: 5, resetMs: 0, retryAfterMs: 0, waitMs: 0 })
  })

  test('looking takes nothing, and a key that is reset starts afresh', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule = hourly(algorithm, 2)
    assert.equal(await counters.reset(key), false)
    await takeSome(counters, key, rule, 2)
    for (let again = 0; again < 3; again++) assert.equal((await counters.peek(key, rule)).admitted, false)
    assert.equal(await counters.reset(key), true)
    assert.equal((await counters.peek(key, rule)).remaining, 2)
  })

  test('a wait that a refusal names is long enough', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule: WindowRule = { algorithm, limit: 4, windowMs: 400 }
    await takeSome(counters, key, rule, 10)
    for (let round = 0; round < 3; round++) {
      const refused = await counters.take(key, rule, 2)
      if (refused.admitted) continue
      await pass(refused.retryAfterMs)
      assert.equal((await counters.take(key, rule, 2)).admitted, true)
    }
  })
}

function testFixedWindow(opened: Opened, { pass }: CountersHarness): void {
  test('a window begins at a whole multiple of its length, wherever the first request stands in it', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule: WindowRule = { algorithm: 'fixed-window', limit: 3, windowMs: 500 }
    await pass((await counters.take(key, rule, 1)).resetMs)
    const first = await counters.take(key, rule, 1) // near the beginning of the next
    assert.equal(first.remaining, 2)
    assert.ok(first.resetMs <= 500)
    assert.equal(await takeSome(counters, key, rule, 2), 2)
    await pass(first.resetMs)
    assert.equal((await counters.take(key, rule, 1)).admitted, true)
  })
}

function testOrigin(algorithm: 'fixed-window' | 'sliding-window', opened: Opened, { toleranceMs }: CountersHarness): void {
  test(`windows may begin at another instant than the epoch: ${algorithm}`, async () => {
    const { counters } = opened()
    const span = algorithm === 'fixed-window' ? 1 : 2
    for (const partMs of [0, hourMs / 4, hourMs / 2]) {
      const plain = await counters.take(randomUUID(), hourly(algorithm, 5), 1)
      const moved = await counters.take(randomUUID(), { ...hourly(algorithm, 5), originMs: partMs }, 1)
      const expected = (plain.resetMs - (span - 1) * hourMs + partMs) % hourMs
      const difference = Math.abs(moved.resetMs - (span - 1) * hourMs - expected)
      assert.ok(Math.min(difference, hourMs - difference) <= toleranceMs + 0.01, `${moved.resetMs} after ${partMs}`)
    }
  })
}

function testSlidingWindow(opened: Opened, { pass }: CountersHarness): void {
  test('the window before counts by the part that is still covered', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule: WindowRule = { algorithm: 'sliding-window', limit: 1000, windowMs: 1000 }
    const untilBoundary = async () => (await counters.take(key, rule, 1)).resetMs - 1000
    await pass(await untilBoundary())
    await counters.take(key, rule, 900)
    await pass(await untilBoundary())
    const { remaining, resetMs } = await counters.take(key, rule, 1)
    const elapsed = 2000 - resetMs
    // Besides the 900 there are the ones that looked for the boundary.
    const expected = 1000 - (901 * (1000 - elapsed)) / 1000 - 1
    assert.ok(Math.abs(remaining - expected) <= 3, `${remaining} left, not ${expected}`)
  })
}

function testLog(opened: Opened, { pass, toleranceMs }: CountersHarness): void {
  test('each request is forgotten one window after it came', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule: WindowRule = { algorithm: 'sliding-window-log', limit: 3, windowMs: 600 }
    assert.equal((await counters.take(key, rule, 2)).remaining, 1)
    await pass(200)
    assert.equal((await counters.take(key, rule, 1)).remaining, 0)
    const refused = await counters.take(key, rule, 1)
    assert.equal(refused.admitted, false)
    assertNear(refused.retryAfterMs, 400, toleranceMs === 0 ? 0 : 200)
    await pass(refused.retryAfterMs)
    assert.equal((await counters.take(key, rule, 2)).remaining, 0)
  })

  test('a limit of ten thousand is kept to the last, and one above it or a part of a request is an error', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule = hourly('sliding-window-log', 10_000)
    assert.equal((await counters.take(key, rule, 4_321)).remaining, 5_679)
    assert.equal((await counters.take(key, rule, 5_679)).remaining, 0)
    assert.equal((await counters.take(key, rule, 1)).admitted, false)
    await counters.giveBack(key, rule, 6_000)
    assert.equal((await counters.take(key, rule, 1)).remaining, 5_999)
    await assert.rejects(async () => counters.take(key, hourly('sliding-window-log', 10_001), 1), { code: 'internal.invariant_broken' })
    await assert.rejects(async () => counters.take(key, rule, 0.5), { code: 'internal.invariant_broken' })
  })
}

function testLeakyBucket(opened: Opened, { pass, toleranceMs }: CountersHarness): void {
  const minutely = (burst: number, maxWaitMs: number): LeakyBucketRule => ({ algorithm: 'leaky-bucket', limit: 60, windowMs: hourMs, burst, maxWaitMs })

  test('what the bucket cannot hold waits for its turn, one behind the other, until the wait would be too long', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule = minutely(2, 180_000)
    for (const waitMs of [0, 0, 60_000, 120_000, 180_000]) {
      const take = await counters.take(key, rule, 1)
      assert.deepEqual([take.admitted, take.retryAfterMs], [true, 0])
      assertNear(take.waitMs, waitMs, toleranceMs)
    }
    const refused = await counters.take(key, { ...rule }, 1)
    // In a store with a clock of its own a little has run out meanwhile.
    if (toleranceMs === 0) assert.deepEqual([refused.admitted, refused.remaining, refused.retryAfterMs, refused.waitMs], [false, 0, 60_000, 0])
  })

  test('no more wait than a window lets through', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule: LeakyBucketRule = { algorithm: 'leaky-bucket', limit: 3, windowMs: hourMs, burst: 1, maxWaitMs: 100 * hourMs }
    assert.equal(await takeSome(counters, key, rule, 10), 4)
  })

  test('a place that is given back is there for the next', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule = minutely(1, 120_000)
    assert.equal(await takeSome(counters, key, rule, 3), 3)
    await counters.giveBack(key, rule, 1)
    assertNear((await counters.take(key, rule, 1)).waitMs, 120_000, toleranceMs)
  })

  test('without a wait it is the token bucket', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule: LeakyBucketRule = { algorithm: 'leaky-bucket', limit: 10, windowMs: 1000, burst: 3, maxWaitMs: 0 }
    await counters.take(key, rule, 3)
    const refused = await counters.take(key, rule, 2)
    assert.equal(refused.admitted, false)
    await pass(refused.retryAfterMs)
    assert.equal((await counters.take(key, rule, 2)).waitMs, 0)
  })
}
