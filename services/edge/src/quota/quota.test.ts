import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countersNamed } from '@sluice/counters'
import type { Counters } from '@sluice/counters/counter'
import type { LimiterRules } from '@sluice/policies/policy'
import { createFakeClock } from '@sluice/testkit'
import { partOf } from './limit-rule.ts'
import { createQuota } from './quota.ts'

const base: LimiterRules = { counter: 'route:r/rate-limit/x', algorithm: 'token-bucket', limit: 12, windowSeconds: 60, burst: 12, maxWaitMs: 0, mode: 'exact', failure: 'local' }
const away = async (): Promise<never> => Promise.reject(new Error('away'))

async function limiterOf(rules: Partial<LimiterRules>, options: { away?: boolean; workers?: number } = {}) {
  const clock = createFakeClock()
  const { createMemoryCounters } = await countersNamed('memory').load()
  const [store, own] = [createMemoryCounters({}, { clock }), createMemoryCounters({}, { clock })]
  const shared: Pick<Counters, 'take' | 'giveBack' | 'charge'> = options.away === true ? { take: away, giveBack: away, charge: away } : store
  const decided: string[] = []
  const openRequests = { enter: async () => ({ entered: false, open: undefined }), leave: () => undefined }
  const quota = createQuota({ shared, own, openRequests, clock, scope: 'default', workers: () => options.workers ?? 4, onDegraded: (decision) => void decided.push(decision) })
  return { clock, store, own, decided, quota, limiter: quota.limiter({ ...base, ...rules }) }
}

async function admittedOf(limiter: Awaited<ReturnType<typeof limiterOf>>['limiter'], times: number, cost = 1): Promise<number> {
  let admitted = 0
  for (let time = 0; time < times; time++) if ((await limiter.take('k', cost)).admitted) admitted++
  return admitted
}

for (const algorithm of ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log'] as const) {
  test(`while the counters are away each of four workers admits a quarter, ${algorithm}`, async () => {
    const { limiter, decided } = await limiterOf({ algorithm }, { away: true })
    assert.equal(await admittedOf(limiter, 10), 3)
    assert.deepEqual(new Set(decided), new Set(['local']))
  })

  test(`a worker's part that would be less than one request becomes one in a longer time, ${algorithm}`, async () => {
    const { limiter, clock } = await limiterOf({ algorithm, limit: 2, burst: 2 }, { away: true })
    assert.equal(await admittedOf(limiter, 5), 1)
    clock.advance(60_000)
    assert.equal(await admittedOf(limiter, 5), 0)
    clock.advance(180_000)
    assert.equal(await admittedOf(limiter, 5), 1)
  })
}

test('a request that costs more than a worker\'s part passes now and then', async () => {
  const { limiter } = await limiterOf({ algorithm: 'fixed-window', limit: 12 }, { away: true })
  assert.equal(await admittedOf(limiter, 3, 6), 1)
  assert.deepEqual(partOf({ algorithm: 'fixed-window', limit: 12, windowMs: 1000 }, 4, 6), { algorithm: 'fixed-window', limit: 6, windowMs: 2000 })
})

test('what is given back goes to where it was taken from', async () => {
  for (const [rules, options] of [[{}, {}], [{ mode: 'local' }, {}], [{}, { away: true }]] as const) {
    const { limiter, store, own } = await limiterOf(rules, options)
    const verdict = await limiter.take('k', 2)
    limiter.giveBack('k', 2, verdict)
    assert.equal(store.reset('default:route:r/rate-limit/x:k'), false)
    assert.equal(own.reset('default:route:r/rate-limit/x:k'), false)
  }
})

test('what a request used beyond its verdict is counted where that was taken, and is owed', async () => {
  for (const [rules, options] of [[{}, {}], [{ mode: 'local' }, {}], [{}, { away: true }]] as const) {
    const { limiter } = await limiterOf({ algorithm: 'sliding-window', ...rules }, { workers: 1, ...options })
    const verdict = await limiter.take('k', 1)
    limiter.settle('k', 1, 21, verdict)
    const { admitted, remaining } = await limiter.take('k', 1)
    assert.deepEqual([admitted, remaining], [false, 0])
  }
})

test('a count of a zone, a datacenter and everywhere are three, and only the last is asked far away', async () => {
  const clock = createFakeClock()
  const { createMemoryCounters } = await countersNamed('memory').load()
  const [near, far, own] = [createMemoryCounters({}, { clock }), createMemoryCounters({}, { clock }), createMemoryCounters({}, { clock })]
  const openRequests = { enter: async () => ({ entered: false, open: undefined }), leave: () => undefined }
  const at = (datacenter: string, zone: string) => createQuota({ shared: near, global: far, own, openRequests, clock, place: { datacenter, zone }, scope: 's', workers: () => 1, onDegraded: () => assert.fail() })
  const edges = [at('one', 'a'), at('one', 'b'), at('two', 'a')]
  const admitted = async (scope: 'az' | 'dc' | 'global') => {
    const all: number[] = []
    for (const edge of edges) all.push(await admittedOf(edge.limiter({ ...base, scope }) as never, 13))
    return all
  }
  assert.deepEqual(await admitted('az'), [12, 12, 12])
  assert.deepEqual(await admitted('dc'), [12, 0, 12])
  assert.equal(far.size, 0)
  assert.deepEqual(await admitted('global'), [12, 0, 0])
  assert.equal(far.size, 1)
})

test('while the counters are away, a limit is divided by the workers that share it', async () => {
  const { createMemoryCounters } = await countersNamed('memory').load()
  const own = createMemoryCounters()
  const openRequests = { enter: async () => ({ entered: false, open: undefined }), leave: () => undefined }
  const quota = createQuota({ shared: { take: away, giveBack: away, charge: away }, own, openRequests, clock: createFakeClock(), scope: 's', workers: (scope) => ({ az: 2, dc: 4, global: 12 })[scope], onDegraded: () => undefined })
  const admitted: number[] = []
  for (const scope of ['az', 'dc', 'global'] as const) admitted.push(await admittedOf(quota.limiter({ ...base, counter: scope, scope }) as never, 13))
  assert.deepEqual(admitted, [6, 3, 1])
})

test('a place in the queue is told with its wait, whoever counts', async () => {
  for (const options of [{}, { away: true, workers: 1 }]) {
    const { limiter } = await limiterOf({ algorithm: 'leaky-bucket', limit: 60, burst: 1, maxWaitMs: 1000 }, options)
    assert.equal((await limiter.take('k', 1)).waitMs, 0)
    assert.equal((await limiter.take('k', 1)).waitMs, 1000)
    assert.equal((await limiter.take('k', 1)).admitted, false)
  }
})

test('while the parent does not answer, open requests are let in uncounted', async () => {
  const { quota, decided } = await limiterOf({})
  const verdict = await quota.openLimit({ counter: 'c', limit: 1 }).enter('k')
  assert.deepEqual(verdict, { admitted: true, counted: false, remaining: 0 })
  assert.deepEqual(decided, ['open'])
})
