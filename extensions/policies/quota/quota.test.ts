import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, fieldValues, identityOf, partsFor, refusalOf } from '../exchange.contract.ts'
import type { LimiterRules, LimitVerdict } from '../policy.ts'
import { policyContract } from '../policy.contract.ts'
import { periodAt } from './period.ts'
import * as module from './quota.ts'
import { schema } from './schema.ts'

const { compile } = module
policyContract({ schema, module, from: import.meta.url, examples: [{ limit: 1, period: 'day' }, { limit: 5, period: 'month', window: 'rolling', key: ['ip', 'route'] }], required: 'limit' })

const parse = (settings: object) => schema.settings.parse({ limit: 100, period: 'month', ...settings })
const verdict = (changes: Partial<LimitVerdict> = {}): LimitVerdict => ({ admitted: true, remaining: 7, resetMs: 1000, retryAfterMs: 0, waitMs: 0, decidedBy: 'counters', ...changes })

function quotaOf(settings: object, answer: LimitVerdict = verdict()) {
  const time = { now: Date.UTC(2026, 1, 10) }
  const asked: LimiterRules[] = []
  const parts = { ...partsFor('quota', { take: (_key, _cost, rules) => (asked.push(rules), answer) }), clock: { now: () => time.now, monotonic: () => 0 } }
  return { policy: compile(parse(settings), parts), asked, time, seen: parts.seen }
}

test('a day and a month are those of the calendar, whatever their length', () => {
  const at = (text: string) => Date.parse(text)
  assert.deepEqual(periodAt('day', at('2026-11-22T23:59:59.999Z')), { name: '2026-11-22', startMs: at('2026-11-22T00:00:00Z'), endMs: at('2026-11-23T00:00:00Z') })
  assert.deepEqual(periodAt('month', at('2028-02-29T12:00:00Z')), { name: '2028-02', startMs: at('2028-02-01T00:00:00Z'), endMs: at('2028-03-01T00:00:00Z') })
  assert.deepEqual(periodAt('month', at('2026-12-31T23:59:59Z')), { name: '2026-12', startMs: at('2026-12-01T00:00:00Z'), endMs: at('2027-01-01T00:00:00Z') })
})

test('a month is counted from its first instant to its last, and the next one begins anew', async () => {
  const { policy, asked, time } = quotaOf({})
  await policy.onRequest!(exchangeOf())
  time.now = Date.UTC(2026, 1, 28, 23, 59, 59)
  await policy.onRequest!(exchangeOf())
  time.now = Date.UTC(2026, 2, 1)
  await policy.onRequest!(exchangeOf())
  const [first, same, next] = asked
  assert.deepEqual([first!.algorithm, first!.windowSeconds, first!.originMs], ['fixed-window', 28 * 86_400, Date.UTC(2026, 1, 1)])
  assert.equal(same, first)
  assert.deepEqual([next!.windowSeconds, next!.originMs], [31 * 86_400, Date.UTC(2026, 2, 1)])
  assert.notEqual(next!.counter, first!.counter)
})

test('a rolling quota has no boundary', async () => {
  const { policy, asked, time } = quotaOf({ window: 'rolling', period: 'day' })
  await policy.onRequest!(exchangeOf())
  time.now += 86_400_000
  await policy.onRequest!(exchangeOf())
  assert.deepEqual([asked[0]!.algorithm, asked[0]!.windowSeconds], ['sliding-window', 86_400])
  assert.equal(asked[1]!.counter, asked[0]!.counter)
})

test('with another limit the same count goes on; with another key or period another begins', () => {
  const counterOf = (settings: object) => {
    const parts = partsFor('quota')
    compile(parse(settings), parts)
    return parts.asked.limiters[0]!.counter
  }
  assert.equal(counterOf({ limit: 5, cost: 2 }), counterOf({ limit: 7 }))
  const others = [{}, { key: 'ip' }, { period: 'day' }, { window: 'rolling' }].map(counterOf)
  assert.equal(new Set(others).size, others.length)
})

test('what is spent is refused with the time of the next period; what is counted is said', async () => {
  const { policy } = quotaOf({}, verdict({ admitted: false, remaining: 0, retryAfterMs: 7200_000, resetMs: 7200_000 }))
  const exchange = exchangeOf({ identity: identityOf() })
  const refusal = await refusalOf(policy.onRequest!(exchange))
  assert.equal(refusal.code, 'policy.quota_spent')
  assert.deepEqual(fieldValues(refusal.headers, 'Retry-After'), ['7200'])
  assert.deepEqual(exchange.limits, [{ name: 'quota', limit: 100, windowSeconds: 28 * 86_400, burst: 100, remaining: 0, resetSeconds: 7200, outcome: 'refused' }])
})

test('while the counters are away a quota fails as it says', async () => {
  const closed = quotaOf({ failure: 'closed' }, verdict({ admitted: false, decidedBy: 'closed' }))
  assert.equal((await refusalOf(closed.policy.onRequest!(exchangeOf()))).code, 'dependency.counters_unreachable')
  const open = quotaOf({ failure: 'open' }, verdict({ decidedBy: 'open' }))
  const exchange = exchangeOf()
  assert.equal(await open.policy.onRequest!(exchange), undefined)
  assert.equal(exchange.limits[0]!.outcome, 'open')
})

test('a quota needs its limit and its period, and no request may cost more than all of it', () => {
  for (const wrong of [{ period: 'week' }, { limit: 0 }, { limit: undefined }, { period: undefined }, { window: 'sliding' }]) assert.equal(schema.settings.safeParse({ limit: 1, period: 'day', ...wrong }).success, false, JSON.stringify(wrong))
  assert.deepEqual(schema.problems!(parse({ limit: 5, cost: 6 })).map(({ path }) => path), [['cost']])
  assert.equal(schema.early!(parse({ key: 'ip' })), true)
  assert.equal(schema.early!(parse({})), false)
})

test('from a threshold on each response says so, and only the request that got there is an event', async () => {
  const told = async (remaining: number, changes: object = {}, settings: object = {}) => {
    const events: object[] = []
    const parts = { ...partsFor('quota', { take: () => verdict({ remaining, ...changes }) }), logger: { warn: () => assert.fail(), info: (facts: object) => void events.push(facts) } }
    const exchange = exchangeOf({ identity: identityOf() })
    await compile(parse(settings), parts).onRequest!(exchange)
    return { field: fieldValues(exchange.responseFields, 'X-Quota-Reached')[0], events, reached: parts.reached }
  }
  assert.deepEqual(await told(21), { field: undefined, events: [], reached: [] })
  assert.deepEqual(await told(20), { field: '"quota";percent=80', events: [{ quota: 'quota', at: 'route:get-user', consumer: 'acme', percent: 80, limit: 100, period: 'month' }], reached: [{ consumer: 'acme', place: { level: 'route:get-user', type: 'quota', name: 'quota' }, route: undefined, percent: 80, limit: 100, period: 'month', window: '1970-01' }] })
  assert.deepEqual(await told(19), { field: '"quota";percent=80', events: [], reached: [] })
  const { field, events } = await told(0)
  assert.deepEqual([field, events.length], ['"quota";percent=100', 1])
  assert.deepEqual(await told(0, { admitted: false }), { field: '"quota";percent=100', events: [], reached: [] })
  assert.deepEqual(await told(0, { decidedBy: 'local' }), { field: undefined, events: [], reached: [] })
  assert.deepEqual(await told(0, {}, { notifyPercents: [] }), { field: undefined, events: [], reached: [] })
})

test('only what a consumer has used is told to control, with its route when each is counted apart', async () => {
  const reached = async (settings: object, identity = true) => {
    const parts = partsFor('quota', { take: () => verdict({ remaining: 20 }), clock: { now: () => Date.UTC(2026, 10, 22), monotonic: () => 0 } })
    await compile(parse(settings), parts).onRequest!(exchangeOf(identity ? { identity: identityOf() } : {}))
    return parts.reached.map(({ route, window }) => [route, window])
  }
  assert.deepEqual(await reached({}), [[undefined, '2026-11']])
  assert.deepEqual(await reached({ key: ['consumer', 'route'] }), [['get-user', '2026-11']])
  assert.deepEqual(await reached({ window: 'rolling' }), [[undefined, '2026-11-22']])
  for (const settings of [{ key: 'ip' }, { key: ['consumer', 'header:x'] }, { shadow: true }]) assert.deepEqual(await reached(settings), [], JSON.stringify(settings))
  assert.deepEqual(await reached({}, false), [])
})
