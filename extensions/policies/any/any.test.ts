import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, fieldValues, identityOf, partsFor, refusalOf } from '../exchange.contract.ts'
import { policyContract, settingsOf } from '../policy.contract.ts'
import { type HookResult, type Policy, refuse } from '../policy.ts'
import * as module from './any.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{ methods: [{ jwt: {} }] }], required: 'methods' })

const passes = identityOf({ consumer: 'acme' })
const absent = (challenge: string): HookResult => ({ ...refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', challenge]), withoutCredential: true })
const bad = (challenge: string): HookResult => refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', challenge])

type Outcome = HookResult | Promise<HookResult> | 'passes'

function run(outcomes: readonly Outcome[], settings: Record<string, unknown> = {}) {
  const asked: number[] = []
  const policies = outcomes.map((outcome, index): Policy => ({
    onRequest(exchange) {
      asked.push(index)
      if (outcome !== 'passes') return outcome
      exchange.identity = passes
      return undefined
    },
  }))
  const methods = outcomes.map((_, index) => ({ jwt: { index } }))
  const compile = (entry: Record<string, unknown>) => policies[(entry['jwt'] as { index: number }).index]!
  const exchange = exchangeOf()
  const policy = module.compile(settingsOf(schema, { methods, ...settings }), partsFor('any', { compile }))
  return { asked, exchange, result: policy.onRequest!(exchange) as HookResult | Promise<HookResult> }
}

test('the first method that passes wins and the others are not asked', () => {
  const { asked, exchange, result } = run([absent('A'), 'passes', bad('C')])
  assert.equal(result, undefined)
  assert.equal(exchange.identity, passes)
  assert.deepEqual(asked, [0, 1])
})

test('a method that has to wait is waited for before the next is asked', async () => {
  const { asked, exchange, result } = run([Promise.resolve(bad('A')), Promise.resolve(absent('B')), 'passes'])
  assert.ok(result instanceof Promise)
  assert.equal(await result, undefined)
  assert.equal(exchange.identity, passes)
  assert.deepEqual(asked, [0, 1, 2])
})

test('when none passes every challenge is shown', async () => {
  const refusal = await refusalOf(run([absent('Bearer'), absent('ApiKey')]).result)
  assert.equal(refusal.code, 'policy.unauthenticated')
  assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['Bearer', 'ApiKey'])
})

test('a credential that was sent decides the answer, not one that was missing', async () => {
  const scope = refuse('policy.insufficient_scope', undefined, ['WWW-Authenticate', 'scope'])
  const refusal = await refusalOf(run([scope, absent('ApiKey')]).result)
  assert.deepEqual(refusal, scope)
})

test('the last refused credential decides between two', async () => {
  assert.equal((await refusalOf(run([refuse('policy.insufficient_scope'), bad('ApiKey')]).result)).code, 'policy.unauthenticated')
})

test('when one method could not find out, the answer is its 503', async () => {
  const away = refuse('dependency.auth_unreachable')
  assert.equal((await refusalOf(run([away, bad('B')], { anonymous: 'guest' }).result)).code, 'dependency.auth_unreachable')
  assert.equal((await refusalOf(run([absent('A'), Promise.resolve(away)]).result)).code, 'dependency.auth_unreachable')
})

test('an outage of one method does not keep another from passing', () => {
  assert.equal(run([refuse('dependency.auth_unreachable'), 'passes']).result, undefined)
})

test('a request without any credential is admitted as the anonymous consumer, without groups', () => {
  const { exchange, result } = run([absent('A'), absent('B')], { anonymous: 'guest' })
  assert.equal(result, undefined)
  assert.equal(exchange.identity?.consumer, 'guest')
  assert.deepEqual(exchange.identity?.groups, [])
})

test('a bad credential is not admitted as anonymous, whichever method it is for', async () => {
  for (const outcomes of [[bad('A'), absent('B')], [absent('A'), bad('B')]]) {
    const { exchange, result } = run(outcomes, { anonymous: 'guest' })
    assert.equal((await refusalOf(result)).code, 'policy.unauthenticated')
    assert.equal(exchange.identity, undefined)
  }
})

test('its methods are shown to whoever checks a configuration, as identity policies', () => {
  const nested = schema.nested!(settingsOf(schema, { methods: [{ jwt: {} }, { 'key-auth': {} }] }))
  assert.deepEqual(nested, [
    { path: ['methods', 0], entry: { jwt: {} }, mustIdentify: true },
    { path: ['methods', 1], entry: { 'key-auth': {} }, mustIdentify: true },
  ])
})

test('a credential that was not looked at may be good: the time to wait is told, not that it is bad', async () => {
  const throttled = refuse('policy.too_many_attempts', undefined, ['Retry-After', '7'])
  assert.deepEqual(await refusalOf(run([throttled, bad('B')]).result), throttled)
  assert.equal((await refusalOf(run([throttled, refuse('dependency.auth_unreachable')]).result)).code, 'dependency.auth_unreachable')
  assert.equal((await refusalOf(run([throttled, absent('B')], { anonymous: 'guest' }).result)).code, 'policy.too_many_attempts')
  assert.equal(run([throttled, 'passes']).result, undefined)
})
