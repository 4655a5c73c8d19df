import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { call } from '@sluice/buses/rpc'
import { countersNamed } from '@sluice/counters'
import type { Counters, LimitRule } from '@sluice/counters/counter'
import { SluiceError } from '@sluice/errors'
import { LimitPeekReplySchema, LimitPeekRequestSchema, LimitResetReplySchema, LimitResetRequestSchema } from '@sluice/proto/messages/ratelimit'
import { subjects } from '@sluice/proto/subjects'
import { createLogger, MetricsRegistry, systemClock } from '@sluice/service-kit'
import { needServer } from '@sluice/testkit'
import { createRatelimit } from '../src/service.ts'

const scope = 'default'
const rule = { algorithm: 'token-bucket', limit: 60, windowMs: 60_000, burst: 10 } as const

async function start(t: TestContext, counters: Counters) {
  const bus = (await busNamed('local').load()).createLocalBus()
  const logger = createLogger('ratelimit', { destination: { write: () => {} } })
  const service = createRatelimit({ bus, scope, logger, clock: systemClock, metrics: new MetricsRegistry(), counters })
  await service.start()
  t.after(async () => {
    await service.stop({ deadlineMs: 100 })
    await bus.drain(100)
  })
  const types = { peek: { request: LimitPeekRequestSchema, reply: LimitPeekReplySchema }, reset: { request: LimitResetRequestSchema, reply: LimitResetReplySchema } }
  const keyOf = (key: string, overrides: object) => ({ key: { scope, key, ...rule, ...overrides } })
  return {
    service,
    peek: (key: string, overrides = {}) => call(bus, subjects.limitPeek(scope), types.peek, keyOf(key, overrides), { timeoutMs: 1000 }),
    reset: (key: string, overrides = {}) => call(bus, subjects.limitReset(scope), types.reset, keyOf(key, overrides), { timeoutMs: 1000 }),
  }
}

const memoryCounters = async () => (await countersNamed('memory').load()).createMemoryCounters()

suite('ratelimit', () => {
  test('it tells what is left of a limit and takes nothing', async (t) => {
    const counters = await memoryCounters()
    const limits = await start(t, counters)
    await counters.take('route:a|acme', rule, 4)
    for (let i = 0; i < 3; i++) assert.equal((await limits.peek('route:a|acme')).remaining, 6)
    const { resetMs } = await limits.peek('route:a|acme')
    assert.ok(resetMs > 3000 && resetMs <= 4000)
    assert.equal((await limits.peek('route:a|other')).remaining, 10)
  })

  test('it tells what is left whatever the algorithm', async (t) => {
    const counters = await memoryCounters()
    const limits = await start(t, counters)
    const rate = { limit: 10, windowMs: 3_600_000 }
    const rules: LimitRule[] = [
      { algorithm: 'leaky-bucket', ...rate, burst: 10, maxWaitMs: 1000 },
      ...(['fixed-window', 'sliding-window', 'sliding-window-log'] as const).map((algorithm) => ({ algorithm, ...rate })),
    ]
    for (const limitRule of rules) {
      await counters.take(limitRule.algorithm, limitRule, 4)
      const { remaining, resetMs } = await limits.peek(limitRule.algorithm, limitRule)
      assert.equal(remaining, 6)
      assert.ok(resetMs > 0)
      assert.equal((await limits.reset(limitRule.algorithm, limitRule)).existed, true)
    }
  })

  test('a limit starts afresh when it is reset', async (t) => {
    const counters = await memoryCounters()
    const limits = await start(t, counters)
    await counters.take('k', rule, 10)
    assert.equal((await limits.reset('k')).existed, true)
    assert.equal((await limits.reset('k')).existed, false)
    assert.equal((await limits.peek('k')).remaining, 10)
  })

  test('over Redis it sees what the edges have counted there', async (t) => {
    const url = needServer(t, 'redis')
    if (url === undefined) return
    const { createRedisCounters } = await countersNamed('redis').load()
    const keyPrefix = `ratelimit-test:${process.pid}:`
    const [edge, own] = [createRedisCounters({ url, keyPrefix, timeoutMs: 2000 }), createRedisCounters({ url, keyPrefix, timeoutMs: 2000 })]
    t.after(() => Promise.all([edge.close(), own.close()]).then(() => undefined))
    const limits = await start(t, own)
    await t.waitFor(() => assert.ok(edge.healthy && own.healthy), { timeout: 5000 })
    await edge.take('k', rule, 4)
    assert.equal((await limits.peek('k')).remaining, 6)
    assert.equal((await limits.reset('k')).existed, true)
    assert.equal((await limits.peek('k')).remaining, 10)
  })

  test('a question that makes no sense is refused', async (t) => {
    const limits = await start(t, await memoryCounters())
    for (const overrides of [{ key: '' }, { scope: 'other' }, { limit: 0 }, { windowMs: Number.NaN }, { burst: -1 }]) {
      await assert.rejects(limits.peek('k', overrides), { code: 'client.bad_request' }, JSON.stringify(overrides))
    }
    await assert.rejects(limits.reset('k', { scope: 'other' }), { code: 'client.bad_request' })
    await assert.rejects(limits.peek('k', { algorithm: 'lucky-bucket' }), { code: 'client.bad_request' })
    await assert.rejects(limits.peek('k', { algorithm: 'sliding-window-log', limit: 10_001 }), { code: 'client.bad_request' })
  })

  test('while the counters are away it is not ready, and says why', async (t) => {
    const away: Counters = {
      healthy: false,
      take: () => assert.fail(),
      peek: () => Promise.reject(new SluiceError('dependency.counters_unreachable')),
      giveBack: () => assert.fail(),
      charge: () => assert.fail(),
      reset: () => Promise.reject(new SluiceError('dependency.counters_unreachable')),
      close: async () => {},
    }
    const limits = await start(t, away)
    assert.deepEqual(limits.service.health(), { ready: false, reasons: ['the counters cannot be reached'] })
    await assert.rejects(limits.peek('k'), { code: 'dependency.counters_unreachable' })
    await assert.rejects(limits.reset('k'), { code: 'dependency.counters_unreachable' })
  })
})
