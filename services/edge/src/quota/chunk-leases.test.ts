import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { countersNamed } from '@sluice/counters'
import type { LimitRule, Take } from '@sluice/counters/counter'
import { createFakeClock } from '@sluice/testkit'
import { ChunkLeases } from './chunk-leases.ts'

const rule = (limit: number): LimitRule => ({ algorithm: 'token-bucket', limit, windowMs: 60_000, burst: limit })

async function leasesOver(t: TestContext, edges = 1) {
  const clock = createFakeClock()
  const { createMemoryCounters } = await countersNamed('memory').load()
  const store = createMemoryCounters({}, { clock })
  let questions = 0
  const shared = {
    take: async (key: string, wanted: LimitRule, cost: number) => {
      questions++
      return store.take(key, wanted, cost)
    },
    giveBack: async (key: string, wanted: LimitRule, cost: number) => store.giveBack(key, wanted, cost),
  }
  const leases = Array.from({ length: edges }, () => new ChunkLeases(shared, clock))
  t.after(() => leases.forEach((one) => one.stop()))
  return { clock, store, leases, questions: () => questions }
}

it('a quiet key is asked for each time', async (t) => {
  const { leases, questions } = await leasesOver(t)
  for (let count = 0; count < 20; count++) assert.equal((await leases[0]!.take('k', rule(1000), 1)).admitted, true)
  assert.equal(questions(), 20)
})

it('a busy key is asked for once a chunk', async (t) => {
  const { leases, questions } = await leasesOver(t)
  for (let count = 0; count < 1000; count++) assert.equal((await leases[0]!.take('k', rule(100_000), 1)).admitted, true)
  assert.ok(questions() < 51 + 1000 / 64 + 3, `${questions()} questions`)
})

it('a busy key finds its next chunk there when one is spent', async (t) => {
  const { leases, questions } = await leasesOver(t)
  for (let count = 0; count < 60; count++) await leases[0]!.take('k', rule(100_000), 1)
  const before = questions()
  let waited = 0
  for (let count = 0; count < 640; count++) {
    const take = leases[0]!.take('k', rule(100_000), 1)
    if (take instanceof Promise) waited++
    assert.equal((await take).admitted, true)
  }
  assert.ok(questions() - before >= 9, `${questions() - before} questions`)
  assert.ok(waited <= 1, `${waited} waited`)
})

it('a key that is busy, but slower than its chunks end, finds them filled up', async (t) => {
  const { leases, clock, questions } = await leasesOver(t)
  const limit = rule(100_000)
  for (let count = 0; count < 60; count++) await leases[0]!.take('k', limit, 1)
  const before = questions()
  let waited = 0
  for (let count = 0; count < 300; count++, clock.advance(10)) {
    const take = leases[0]!.take('k', limit, 1)
    if (take instanceof Promise) waited++
    assert.equal((await take).admitted, true)
    await Promise.resolve()
  }
  assert.ok(waited <= 2, `${waited} waited`)
  assert.ok(questions() - before <= 25, `${questions() - before} questions in three seconds`)
})

it('a chunk asked for ahead in vain is told to nobody, and the request that has to ask hears why', async (t) => {
  const { clock, store } = await leasesOver(t)
  let isAway = false
  const take = async (key: string, wanted: LimitRule, cost: number) => {
    if (isAway) throw new Error('away')
    return store.take(key, wanted, cost)
  }
  const leases = new ChunkLeases({ take, giveBack: () => undefined }, clock, { hotPerSecond: 0 })
  t.after(() => leases.stop())
  for (let count = 0; count < 2; count++) await leases.take('k', rule(100_000), 1)
  isAway = true
  let spent = 0
  while (!(await Promise.resolve(leases.take('k', rule(100_000), 1)).then(() => false, () => true))) spent++
  assert.ok(spent >= 60, `${spent} spent of the chunk`)
})

it('never more than the limit is admitted, and all of it is, whatever the number of edges', async (t) => {
  for (const edges of [1, 3, 16]) {
    const { leases, clock } = await leasesOver(t, edges)
    let admitted = 0
    for (let count = 0; count < 3000; count++) {
      const take = await leases[count % edges]!.take('k', rule(1000), 1)
      if (take.admitted) admitted++
    }
    assert.ok(admitted <= 1000, `${admitted} admitted on ${edges} edges`)
    assert.ok(admitted >= 1000 - edges * 64, `only ${admitted} admitted on ${edges} edges`)
    void clock
  }
})

it('what is not spent is given back', async (t) => {
  const { leases, store } = await leasesOver(t)
  const limit = rule(10_000)
  for (let count = 0; count < 120; count++) await leases[0]!.take('k', limit, 1)
  leases[0]!.stop()
  await Promise.resolve()
  assert.equal(store.peek('k', limit).remaining, 10_000 - 120)
})

it('remaining counts what lies here', async (t) => {
  const { leases } = await leasesOver(t)
  let last: Take | undefined
  for (let count = 0; count < 300; count++) last = await leases[0]!.take('k', rule(10_000), 1)
  assert.equal(last?.remaining, 10_000 - 300)
})

it('concurrent requests wait for the one question', async (t) => {
  const { leases, questions } = await leasesOver(t)
  for (let count = 0; count < 60; count++) await leases[0]!.take('k', rule(100_000), 1)
  const before = questions()
  const takes = await Promise.all(Array.from({ length: 100 }, () => leases[0]!.take('k', rule(100_000), 1)))
  assert.ok(takes.every((take) => take.admitted))
  assert.ok(questions() - before <= 40, `${questions() - before} questions`)
})

it('counters that are away are told to each who asked', async (t) => {
  const clock = createFakeClock()
  let away = false
  const { createMemoryCounters } = await countersNamed('memory').load()
  const store = createMemoryCounters({}, { clock })
  const take = async (key: string, wanted: LimitRule, cost: number) => {
    if (away) throw new Error('away')
    return store.take(key, wanted, cost)
  }
  const leases = new ChunkLeases({ take, giveBack: () => undefined }, clock)
  t.after(() => leases.stop())
  for (let count = 0; count < 60; count++) await leases.take('k', rule(100), 1)
  away = true
  let refused = 0
  for (let count = 0; count < 100; count++) await Promise.resolve(leases.take('k', rule(100), 1)).catch(() => refused++)
  assert.ok(refused > 50)
})

it('from the first request on chunks are taken when nothing has to be hot', async (t) => {
  const { clock, store } = await leasesOver(t)
  let questions = 0
  const take = async (key: string, wanted: LimitRule, cost: number) => (questions++, store.take(key, wanted, cost))
  const leases = new ChunkLeases({ take, giveBack: () => undefined }, clock, { hotPerSecond: 0 })
  t.after(() => leases.stop())
  for (let count = 0; count < 20; count++) assert.equal((await leases.take('k', rule(1000), 1)).admitted, true)
  assert.equal(questions, 2)
})

it('a refusal is believed until one would pass, when it may be', async (t) => {
  const { clock, store } = await leasesOver(t)
  let questions = 0
  const take = async (key: string, wanted: LimitRule, cost: number) => (questions++, store.take(key, wanted, cost))
  const leases = new ChunkLeases({ take, giveBack: () => undefined }, clock, { hotPerSecond: 0, leaseMs: 60_000, believesRefusals: true })
  t.after(() => leases.stop())
  assert.equal((await leases.take('k', rule(1), 1)).admitted, true)
  const refusals: Take[] = []
  for (let second = 0; second < 30; second++, clock.advance(1000)) refusals.push(await leases.take('k', rule(1), 1))
  assert.ok(refusals.every(({ admitted }) => !admitted))
  assert.ok(Math.abs(refusals[0]!.retryAfterMs - refusals[20]!.retryAfterMs - 20_000) < 1)
  assert.equal(questions, 2)
  clock.advance(30_000)
  assert.equal((await leases.take('k', rule(1), 1)).admitted, true)
})
