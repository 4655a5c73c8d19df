import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Counters, Take, TokenBucketRule } from './counter.ts'
import { testAlgorithms } from './algorithms.contract.ts'
import { assertNear, type CountersHarness, type Opened } from './harness.contract.ts'

/** So slow that no token comes back during a test. */
export const hourly = (limit: number, burst = limit): TokenBucketRule => ({ algorithm: 'token-bucket', limit, windowMs: 3_600_000, burst })

/** The tests all counters pass. Each uses keys of its own, so that all share one store. */
export function testCounters(name: string, harness: CountersHarness): void {
  describe(`the ${name} counters`, () => {
    let counters: Counters
    let peer: Counters
    before(async () => {
      counters = await harness.open()
      peer = await harness.open()
    })
    after(async () => {
      await counters.close()
      await peer.close()
    })
    const opened = () => ({ counters, peer })
    testTaking(opened, harness)
    testTime(opened, harness)
    testReturning(opened, harness)
    testReference(opened, harness)
    testAlgorithms(opened, harness)
  })
}


function testTaking(opened: Opened, { toleranceMs }: CountersHarness): void {
  test('a full bucket admits its burst, then refuses and says how long to wait', async () => {
    const { counters } = opened()
    const key = randomUUID()
    for (let left = 4; left >= 0; left--) {
      const take = await counters.take(key, hourly(60, 5), 1)
      assert.equal(take.admitted, true)
      assert.equal(take.remaining, left)
      assert.equal(take.retryAfterMs, 0)
      assertNear(take.resetMs, (5 - left) * 60_000, toleranceMs)
    }
    for (let again = 0; again < 2; again++) {
      const refused = await counters.take(key, hourly(60, 5), 1)
      assert.equal(refused.admitted, false)
      assert.equal(refused.remaining, 0)
      assertNear(refused.retryAfterMs, 60_000, toleranceMs)
      assertNear(refused.resetMs, 300_000, toleranceMs)
    }
  })

  test('a cost that does not fit takes nothing, and a smaller one still passes', async () => {
    const { counters } = opened()
    const key = randomUUID()
    assert.equal((await counters.take(key, hourly(60, 5), 3)).remaining, 2)
    const refused = await counters.take(key, hourly(60, 5), 4)
    assert.deepEqual([refused.admitted, refused.remaining], [false, 2])
    assertNear(refused.retryAfterMs, 120_000, toleranceMs)
    assert.deepEqual((await counters.take(key, hourly(60, 5), 2)).admitted, true)
  })

  test('a cost above the burst is never admitted, however long one waits', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const refused = await counters.take(key, hourly(60, 5), 5.5)
    assert.deepEqual([refused.admitted, refused.remaining, refused.retryAfterMs], [false, 5, Infinity])
    assert.equal((await counters.take(key, hourly(60, 5), 5)).admitted, true)
  })

  test('a part of a token can be taken, and a cost of nothing takes nothing', async () => {
    const { counters } = opened()
    const key = randomUUID()
    assert.equal((await counters.take(key, hourly(60, 2), 0.5)).remaining, 1)
    assert.equal((await counters.take(key, hourly(60, 2), 0)).remaining, 1)
    assert.equal((await counters.take(key, hourly(60, 2), 1.5)).remaining, 0)
    assert.equal((await counters.take(key, hourly(60, 2), 0.5)).admitted, false)
  })

  test('keys do not touch each other', async () => {
    const { counters } = opened()
    const key = randomUUID()
    await counters.take(`${key}:a`, hourly(1), 1)
    assert.equal((await counters.take(`${key}:b`, hourly(1), 1)).admitted, true)
    assert.equal((await counters.take(`${key}:a`, hourly(1), 1)).admitted, false)
  })

  test('of twenty at once for the last ten tokens ten are admitted', async () => {
    const { counters, peer } = opened()
    const key = randomUUID()
    await counters.take(key, hourly(60, 30), 20)
    const takes = await Promise.all(Array.from({ length: 20 }, (_, caller) => (caller % 2 === 0 ? counters : peer).take(key, hourly(60, 30), 1)))
    assert.equal(takes.filter(({ admitted }) => admitted).length, 10)
    assert.equal((await peer.peek(key, hourly(60, 30))).remaining, 0)
  })

  test('a rule or a cost with which nothing can be counted is an error', async () => {
    const { counters } = opened()
    const good = hourly(60)
    for (const rule of [{ ...good, limit: 0 }, { ...good, windowMs: -1 }, { ...good, burst: Number.NaN }, { ...good, limit: Infinity }]) {
      await assert.rejects(async () => counters.take('k', rule, 1), { code: 'internal.invariant_broken' })
      await assert.rejects(async () => counters.peek('k', rule), { code: 'internal.invariant_broken' })
    }
    for (const cost of [-1, Number.NaN, Infinity]) {
      await assert.rejects(async () => counters.take('k', good, cost), { code: 'internal.invariant_broken' })
      await assert.rejects(async () => counters.giveBack('k', good, cost), { code: 'internal.invariant_broken' })
    }
  })
}

function testTime(opened: Opened, { pass }: CountersHarness): void {
  const quick: TokenBucketRule = { algorithm: 'token-bucket', limit: 10, windowMs: 1000, burst: 3 }

  test('after the wait that a refusal names the same cost is admitted', async () => {
    const { counters } = opened()
    const key = randomUUID()
    await counters.take(key, quick, 3)
    const refused = await counters.take(key, quick, 2)
    assert.equal(refused.admitted, false)
    await pass(refused.retryAfterMs)
    assert.equal((await counters.take(key, quick, 2)).admitted, true)
  })

  test('after the reset time the bucket is full, and never fuller', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const { resetMs } = await counters.take(key, quick, 3)
    await pass(resetMs + 250)
    assert.equal(await counters.reset(key), false)
    const { remaining } = await counters.take(key, quick, 1)
    assert.equal(remaining, 2)
  })

  test('in any stretch of time no more than burst and rate allow is admitted, and no less is when asked all the time', async () => {
    const { counters } = opened()
    const key = randomUUID()
    const rule: TokenBucketRule = { algorithm: 'token-bucket', limit: 7, windowMs: 100, burst: 5 }
    const began = performance.now()
    let admitted = 0
    let simulatedMs = 0
    for (let step = 0; step < 150; step++) {
      if ((await counters.take(key, rule, 1)).admitted) admitted++
      await pass(2)
      simulatedMs += 2
    }
    const elapsedMs = Math.max(simulatedMs, performance.now() - began)
    assert.ok(admitted <= 5 + (elapsedMs * 7) / 100, `${admitted} in ${elapsedMs} ms`)
    assert.ok(admitted >= 20, `${admitted} in ${elapsedMs} ms`)
  })
}

function testReturning(opened: Opened, { toleranceMs }: CountersHarness): void {
  test('what is given back can be taken again, never more than that', async () => {
    const { counters } = opened()
    const key = randomUUID()
    await counters.giveBack(key, hourly(60, 5), 3) // full already
    assert.equal((await counters.peek(key, hourly(60, 5))).remaining, 5)
    await counters.take(key, hourly(60, 5), 5)
    await counters.giveBack(key, hourly(60, 5), 2)
    assert.equal((await counters.peek(key, hourly(60, 5))).remaining, 2)
    await counters.giveBack(key, hourly(60, 5), 100)
    assert.deepEqual(await counters.peek(key, hourly(60, 5)), { admitted: true, remaining: 5, resetMs: 0, retryAfterMs: 0, waitMs: 0 })
  })

  test('what was used already is counted whether or not it fits, and is owed', async () => {
    const { counters, peer } = opened()
    const key = randomUUID()
    await counters.charge(key, hourly(60, 5), 1)
    assert.equal((await peer.peek(key, hourly(60, 5))).remaining, 4)
    await peer.charge(key, hourly(60, 5), 9)
    const refused = await counters.take(key, hourly(60, 5), 1)
    assert.deepEqual([refused.admitted, refused.remaining], [false, 0])
    assertNear(refused.retryAfterMs, 360_000, toleranceMs)
    for (const algorithm of ['fixed-window', 'sliding-window'] as const) {
      const rule = { algorithm, limit: 5, windowMs: 3_600_000 }
      const windowed = `${key}:${algorithm}`
      await counters.charge(windowed, rule, 8)
      assert.deepEqual([(await peer.take(windowed, rule, 1)).admitted, (await peer.peek(windowed, rule)).remaining], [false, 0])
      await counters.giveBack(windowed, rule, 6)
      assert.equal((await peer.peek(windowed, rule)).remaining, 3)
    }
    await assert.rejects(async () => counters.charge(key, { algorithm: 'sliding-window-log', limit: 5, windowMs: 1000 }, 1), { code: 'internal.invariant_broken' })
  })

  test('looking takes nothing, and sees what a take would', async () => {
    const { counters } = opened()
    const key = randomUUID()
    assert.deepEqual(await counters.peek(key, hourly(60, 1)), { admitted: true, remaining: 1, resetMs: 0, retryAfterMs: 0, waitMs: 0 })
    assert.equal((await counters.take(key, hourly(60, 1), 1)).admitted, true)
    for (let again = 0; again < 3; again++) {
      const seen = await counters.peek(key, hourly(60, 1))
      assert.deepEqual([seen.admitted, seen.remaining], [false, 0])
      assertNear(seen.resetMs, 60_000, toleranceMs)
      assertNear(seen.retryAfterMs, 60_000, toleranceMs)
    }
  })

  test('a key that is reset starts afresh, and the answer says whether there was one', async () => {
    const { counters } = opened()
    const key = randomUUID()
    assert.equal(await counters.reset(key), false)
    await counters.take(key, hourly(60, 5), 5)
    assert.equal(await counters.reset(key), true)
    assert.equal(await counters.reset(key), false)
    assert.equal((await counters.take(key, hourly(60, 5), 1)).remaining, 4)
  })
}

type Step = { do: 'take' | 'giveBack'; cost: number } | { do: 'peek' | 'reset' }

/** A token bucket as it is drawn in books: a level that only steps change, since no time passes. */
class Reference {
  level: number
  readonly rule: TokenBucketRule

  constructor(rule: TokenBucketRule) {
    this.rule = rule
    this.level = rule.burst
  }

  take(cost: number): Take {
    const tokenMs = this.rule.windowMs / this.rule.limit
    const admitted = cost <= this.level
    const missing = cost > this.rule.burst ? Infinity : cost - this.level
    if (admitted) this.level -= cost
    return { admitted, remaining: this.level, resetMs: (this.rule.burst - this.level) * tokenMs, retryAfterMs: admitted ? 0 : missing * tokenMs, waitMs: 0 }
  }

  peek(): Take {
    const { level } = this
    const { admitted, retryAfterMs } = this.take(1)
    this.level = level
    return { ...this.take(0), admitted, retryAfterMs }
  }

  giveBack(cost: number): void {
    this.level = Math.min(this.rule.burst, this.level + cost)
  }

  reset(): boolean {
    const existed = this.level < this.rule.burst
    this.level = this.rule.burst
    return existed
  }
}

function testReference(opened: Opened, { toleranceMs, runs }: CountersHarness): void {
  const cost = fc.integer({ min: 0, max: 12 })
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('take' as const, 'take' as const, 'giveBack' as const), cost }),
    fc.record({ do: fc.constantFrom('peek' as const, 'reset' as const) }),
  )
  const rule = fc.record({ limit: fc.integer({ min: 1, max: 50 }), burst: fc.integer({ min: 1, max: 10 }) })

  test('any sequence of calls gives what a plain token bucket gives', async () => {
    const { counters } = opened()
    const property = fc.asyncProperty(rule, fc.array(step, { maxLength: 25 }), async ({ limit, burst }, steps) => {
      const key = randomUUID()
      const reference = new Reference(hourly(limit, burst))
      for (const next of steps) await compare(counters, key, reference, next, toleranceMs)
    })
    await fc.assert(property, { numRuns: runs })
  })
}

async function compare(counters: Counters, key: string, reference: Reference, step: Step, toleranceMs: number): Promise<void> {
  if (step.do === 'reset') return assert.equal(await counters.reset(key), reference.reset())
  if (step.do === 'giveBack') {
    await counters.giveBack(key, reference.rule, step.cost)
    return reference.giveBack(step.cost)
  }
  const actual = await (step.do === 'take' ? counters.take(key, reference.rule, step.cost) : counters.peek(key, reference.rule))
  const expected = step.do === 'take' ? reference.take(step.cost) : reference.peek()
  assert.deepEqual([actual.admitted, actual.remaining], [expected.admitted, expected.remaining])
  assertNear(actual.resetMs, expected.resetMs, toleranceMs)
  if (expected.retryAfterMs === Infinity) assert.equal(actual.retryAfterMs, Infinity)
  else assertNear(actual.retryAfterMs, expected.retryAfterMs, toleranceMs)
}
