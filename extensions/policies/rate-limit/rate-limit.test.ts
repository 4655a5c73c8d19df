import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { exchangeOf, fieldValues, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult, LimitVerdict } from '../policy.ts'
import * as module from './rate-limit.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}, { algorithm: 'leaky-bucket' }] })

function compile(settings: Record<string, unknown> = {}, changes: PartsChanges = {}) {
  const parts = partsFor('rate-limit', changes)
  return { parts, policy: module.compile(settingsOf(schema, settings), parts) }
}

function run(exchange: Exchange, settings: Record<string, unknown>, verdict: Partial<LimitVerdict>): HookResult | Promise<HookResult> {
  const take = () => ({ admitted: true, remaining: 3, resetMs: 1500, retryAfterMs: 0, waitMs: 0, decidedBy: 'counters' as const, ...verdict })
  return compile(settings, { take }).policy.onRequest!(exchange) as HookResult | Promise<HookResult>
}

test('a request within the limit passes, and the response will say how it stands', () => {
  const exchange = exchangeOf()
  assert.equal(run(exchange, { limit: 10, windowSeconds: 30, burst: 4 }, {}), undefined)
  assert.deepEqual(exchange.limits, [{ name: 'rate-limit', limit: 10, windowSeconds: 30, burst: 4, remaining: 3, resetSeconds: 2, outcome: 'admitted' }])
})

test('a request above it is 429, and told when to come again: never too early, at most a second late', async () => {
  for (const [retryAfterMs, seconds] of [[1, '1'], [1000, '1'], [1001, '2'], [59_999, '60']] as const) {
    const exchange = exchangeOf()
    const refusal = await refusalOf(run(exchange, {}, { admitted: false, remaining: 0, retryAfterMs }))
    assert.equal(refusal.code, 'policy.limit_exceeded')
    assert.deepEqual(fieldValues(refusal.headers, 'Retry-After'), [seconds])
    assert.equal(exchange.limits[0]!.outcome, 'refused')
  }
})

test('a count in another process is waited for', async () => {
  const exchange = exchangeOf()
  const { policy } = compile({}, { take: async () => ({ admitted: false, remaining: 0, resetMs: 1, retryAfterMs: 1, waitMs: 0, decidedBy: 'counters' }) })
  const result = policy.onRequest!(exchange)
  assert.ok(result instanceof Promise)
  assert.equal((await refusalOf(result)).code, 'policy.limit_exceeded')
})

test('while the counters are away it does as it is set', async () => {
  const open = exchangeOf()
  assert.equal(run(open, {}, { decidedBy: 'open' }), undefined)
  assert.equal(open.limits[0]!.outcome, 'open')
  const local = exchangeOf()
  assert.equal(run(local, {}, { decidedBy: 'local' }), undefined)
  assert.equal(local.limits[0]!.outcome, 'local')
  const closed = exchangeOf()
  const refusal = await refusalOf(run(closed, {}, { admitted: false, decidedBy: 'closed' }))
  assert.equal(refusal.code, 'dependency.counters_unreachable')
  assert.deepEqual(closed.limits, [])
})

test('a consumer may do a thousand requests a minute and anybody else a hundred', () => {
  const limits: number[] = []
  const { policy } = compile({}, { take: (_key, _cost, rules) => (limits.push(rules.limit), { admitted: true, remaining: 1, resetMs: 1, retryAfterMs: 0, waitMs: 0, decidedBy: 'counters' }) })
  void policy.onRequest!(exchangeOf({ identity: identityOf() }))
  void policy.onRequest!(exchangeOf())
  assert.deepEqual(limits, [1000, 100])
})

test('a limit that is set holds for everybody, and its burst is the limit', () => {
  const { parts } = compile({ limit: 7 })
  assert.deepEqual(parts.asked.limiters.map(({ limit, burst, windowSeconds, mode, failure }) => ({ limit, burst, windowSeconds, mode, failure })), [
    { limit: 7, burst: 7, windowSeconds: 60, mode: 'auto', failure: 'local' },
  ])
})

test('by address or header the default is a hundred, whoever calls', () => {
  assert.deepEqual(compile({ key: ['ip', 'header:x'] }).parts.asked.limiters.map(({ limit }) => limit), [100])
})

test('the cost of a request is taken', () => {
  let taken = 0
  const { policy } = compile({ cost: 5 }, { take: (_key, cost) => ((taken += cost), { admitted: true, remaining: 1, resetMs: 1, retryAfterMs: 0, waitMs: 0, decidedBy: 'counters' }) })
  void policy.onRequest!(exchangeOf())
  assert.equal(taken, 5)
})

const counterOf = (settings: Record<string, unknown>, place: PartsChanges['place'] = {}): string => compile({ limit: 5, ...settings }, { place }).parts.asked.limiters[0]!.counter

test('counts are kept while name and settings stay', () => {
  assert.equal(counterOf({}), counterOf({ burst: 5, windowSeconds: 60, key: 'consumer', failure: 'open', mode: 'exact' }))
})

test('counts start anew when what they mean changes', () => {
  for (const changed of [{ limit: 6 }, { windowSeconds: 61 }, { burst: 6 }, { key: 'ip' }]) assert.notEqual(counterOf({}), counterOf(changed), JSON.stringify(changed))
})

test('limits of other places and names are counted apart', () => {
  assert.notEqual(counterOf({}), counterOf({}, { level: 'global' }))
  assert.notEqual(counterOf({}), counterOf({}, { name: 'hourly' }))
})

test('a limit that needs no identity runs early', () => {
  const isEarly = (settings: Record<string, unknown>) => schema.early!(settingsOf(schema, settings))
  for (const key of ['ip', 'route', 'header:x', ['ip', 'route']]) assert.equal(isEarly({ key }), true, String(key))
  for (const key of [undefined, 'consumer', 'claim:x', ['ip', 'claim:x']]) assert.equal(isEarly(key === undefined ? {} : { key }), false, String(key))
})

test('mode and scope reach the counters as they were set', () => {
  for (const settings of [{ mode: 'leased', scope: 'az' }, { mode: 'exact', scope: 'global' }] as const) {
    const { mode, scope } = compile(settings).parts.asked.limiters[0]!
    assert.deepEqual({ mode, scope }, settings)
  }
})

const algorithms = ['token-bucket', 'leaky-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log']

test('every algorithm is counted as it is named, and where there is no bucket the limit is shown as such', () => {
  for (const algorithm of algorithms) {
    const { algorithm: asked, limit, burst, maxWaitMs } = compile({ algorithm, limit: 7 }).parts.asked.limiters[0]!
    assert.deepEqual([asked, limit, burst, maxWaitMs], [algorithm, 7, 7, 1000])
  }
  assert.equal(compile({ algorithm: 'leaky-bucket', maxWaitMs: 0 }).parts.asked.limiters[0]!.maxWaitMs, 0)
})

test('in a leaky bucket a request waits for its turn', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const exchange = exchangeOf()
    let passed = false
    const waiting = (run(exchange, { algorithm: 'leaky-bucket' }, { waitMs: 400 }) as Promise<HookResult>).then(() => (passed = true))
    mock.timers.tick(399)
    await Promise.resolve()
    assert.equal(passed, false)
    mock.timers.tick(1)
    await waiting
    assert.equal(exchange.limits[0]!.outcome, 'delayed')
  } finally {
    mock.timers.reset()
  }
})

test('a client that leaves the queue gives its place back, once', async () => {
  const exchange = exchangeOf()
  const { parts, policy } = compile({ algorithm: 'leaky-bucket' }, { take: () => ({ admitted: true, remaining: 0, resetMs: 9000, retryAfterMs: 0, waitMs: 8000, decidedBy: 'counters' }) })
  const waiting = policy.onRequest!(exchange)
  policy.onDone!(exchangeOf())
  assert.deepEqual(parts.returned, [])
  policy.onDone!(exchange)
  policy.onDone!(exchange)
  assert.equal((await waiting)?.kind, 'refusal')
  assert.deepEqual(parts.returned, parts.seen)
})

test('a client that left while its place was asked for gives it back', async () => {
  const { parts, policy } = compile({ algorithm: 'leaky-bucket' }, { take: async () => ({ admitted: true, remaining: 0, resetMs: 9000, retryAfterMs: 0, waitMs: 8000, decidedBy: 'counters' }) })
  const decision = await policy.onRequest!({ ...exchangeOf(), isOver: true })
  assert.equal(decision?.kind, 'refusal')
  assert.deepEqual(parts.returned, parts.seen)
})

test('in shadow nobody waits in the queue', () => {
  assert.equal(run(exchangeOf(), { shadow: true, algorithm: 'leaky-bucket' }, { waitMs: 500 }), undefined)
})

const wrong: readonly (readonly [Record<string, unknown>, RegExp])[] = [
  [{ algorithm: 'fixed-window', burst: 5 }, /^burst: fixed-window has no bucket/],
  [{ algorithm: 'token-bucket', maxWaitMs: 5 }, /^maxWaitMs: only leaky-bucket lets requests wait/],
  [{ algorithm: 'sliding-window-log', limit: 10_001 }, /^limit: .* 10000 at most/],
  [{ algorithm: 'sliding-window-log', limit: 5, cost: 0.5 }, /^cost: .* whole requests/],
  [{ algorithm: 'sliding-window', limit: 5, cost: 6 }, /^cost: .* limit of 5/],
  [{ cost: -1 }, />=0/],
  [{ maxWaitMs: 60_001, algorithm: 'leaky-bucket' }, /<=60000/],
]
for (const [settings, message] of wrong) {
  test(`${JSON.stringify(settings)} is a problem at check`, () => {
    assert.match(problemsOf(schema, settings).join(), message)
  })
}

test('a cost that can never be paid is a problem at check', () => {
  assert.match(problemsOf(schema, { limit: 5, cost: 6 })[0]!, /^cost: .* bucket of 5/)
  assert.deepEqual(problemsOf(schema, { limit: 5, burst: 6, cost: 6 }), [])
})

for (const key of ['user', 'header:', 'header:a b', 'claim:', []]) {
  test(`the key ${JSON.stringify(key)} is a problem at check`, () => {
    assert.match(problemsOf(schema, { key })[0]!, /"consumer", "ip", "route"/)
  })
}
