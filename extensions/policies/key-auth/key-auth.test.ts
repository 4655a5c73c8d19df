import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blindContract } from '../blind-setting.contract.ts'
import { exchangeOf, fieldValues, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult, Verdict } from '../policy.ts'
import { throttleContract } from '../throttle-setting.contract.ts'
import * as module from './key-auth.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}] })

const key = 'sk_k7f3_c2VjcmV0LXRoYXQtaXMtbG9uZw'
const good: Verdict = { outcome: 'valid', identity: identityOf() }

function run(exchange: Exchange, settings: Record<string, unknown> = {}, changes: PartsChanges = { verdict: good }) {
  const parts = partsFor('key-auth', changes)
  const policy = module.compile(settingsOf(schema, settings), parts)
  return { parts, result: policy.onRequest!(exchange) as HookResult | Promise<HookResult> }
}

test('a good key says who is calling and does not reach the upstream', () => {
  const exchange = exchangeOf({ headers: ['Accept', '*/*', 'X-API-Key', key] })
  const { parts, result } = run(exchange)
  assert.equal(result, undefined)
  assert.equal(exchange.identity?.consumer, 'acme')
  assert.deepEqual(parts.seen, [key])
  assert.deepEqual(exchange.request.headers.flat, ['Accept', '*/*'])
})

test('a key that has to be looked up is waited for', async () => {
  const exchange = exchangeOf({ headers: ['X-API-Key', key] })
  const { result } = run(exchange, {}, { verdict: async () => good })
  assert.ok(result instanceof Promise)
  assert.equal(await result, undefined)
  assert.equal(exchange.identity?.consumer, 'acme')
})

test('the key stays where it is when it is not to be hidden', () => {
  const exchange = exchangeOf({ headers: ['X-API-Key', key] })
  run(exchange, { hideCredential: false })
  assert.equal(exchange.request.headers.get('x-api-key'), key)
})

test('a key in the query is removed and the other parameters stay byte for byte', () => {
  const exchange = exchangeOf({ query: `a=%7e+&api_key=${key}&b=%2F` })
  assert.equal(run(exchange, { query: 'api_key' }).result, undefined)
  assert.equal(exchange.request.query, 'a=%7e+&b=%2F')
})

test('a key in one cookie of several is removed and the others stay', () => {
  const exchange = exchangeOf({ headers: ['Cookie', `a=1; key=${key}; b="2"`, 'Cookie', `key=${key}`] })
  assert.equal(run(exchange, { cookie: 'key' }).result, undefined)
  assert.deepEqual(exchange.request.headers.flat, ['Cookie', 'a=1; b="2"'])
})

test('a second key in another place does not reach the upstream either', () => {
  const exchange = exchangeOf({ headers: ['X-API-Key', key], query: `api_key=${key}` })
  run(exchange, { query: 'api_key' })
  assert.equal(exchange.request.query, '')
})

test('the query is not looked at unless it is set', async () => {
  assert.equal((await refusalOf(run(exchangeOf({ query: `api_key=${key}` })).result)).withoutCredential, true)
})

test('without a key the answer is 401 with its challenge', async () => {
  const refusal = await refusalOf(run(exchangeOf()).result)
  assert.equal(refusal.code, 'policy.unauthenticated')
  assert.equal(refusal.withoutCredential, true)
  assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['ApiKey realm="sluice"'])
})

test('what cannot be a key gets the answer of an unknown one, without asking anybody', async () => {
  const unknown = await refusalOf(run(exchangeOf({ headers: ['X-API-Key', key] }), {}, { verdict: { outcome: 'invalid', reason: 'unknown' } }).result)
  assert.equal(unknown.withoutCredential, undefined)
  for (const bad of ['', 'x', 'sk_', 'sk_a_', 'sk_A_b', `sk_a_${'x'.repeat(257)}`, 'sk_a_b c', 'pk_a_b']) {
    const { parts, result } = run(exchangeOf({ headers: ['X-API-Key', bad] }))
    assert.deepEqual(await refusalOf(result), unknown, bad)
    assert.deepEqual(parts.seen, [])
  }
})

test('a header that stands twice is a bad key', async () => {
  const { parts, result } = run(exchangeOf({ headers: ['X-API-Key', key, 'x-api-key', key] }))
  assert.equal((await refusalOf(result)).code, 'policy.unauthenticated')
  assert.deepEqual(parts.seen, [])
})

test('while auth is away the answer is 503', async () => {
  const { result } = run(exchangeOf({ headers: ['X-API-Key', key] }), {}, { verdict: async () => ({ outcome: 'unavailable', code: 'dependency.auth_unreachable' }) })
  assert.equal((await refusalOf(result)).code, 'dependency.auth_unreachable')
})

test('an outcome is kept at least as long while auth is away as otherwise', () => {
  assert.deepEqual(run(exchangeOf(), { cacheSeconds: 5000 }).parts.asked.keys, [{ cacheSeconds: 5000, staleSeconds: 5000 }])
  assert.deepEqual(run(exchangeOf()).parts.asked.keys, [{ cacheSeconds: 300, staleSeconds: 3600 }])
})

test('failing open is said not to be built yet', () => {
  assert.deepEqual(problemsOf(schema, { failure: 'open' }), ['open is not built yet'])
})

throttleContract(run, () => exchangeOf({ headers: ['X-API-Key', key] }))
blindContract(run, () => exchangeOf({ headers: ['X-API-Key', key] }))
