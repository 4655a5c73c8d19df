import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blindContract } from '../blind-setting.contract.ts'
import { exchangeOf, fieldValues, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult, Verdict } from '../policy.ts'
import { throttleContract } from '../throttle-setting.contract.ts'
import * as module from './oauth2-introspection.ts'
import { schema } from './schema.ts'

const base = { introspectionUrl: 'https://id.example.com/introspect', clientId: 'gateway', clientSecret: 'env:ISSUER_SECRET' }
policyContract({ schema, module, from: import.meta.url, examples: [base], required: 'clientId' })

const caller = identityOf({ consumer: 'alice', method: 'oauth2-introspection', scopes: ['a', 'b'] })
const good: Verdict = { outcome: 'valid', identity: caller }

function run(exchange: Exchange, settings: Record<string, unknown> = {}, changes: PartsChanges = { verdict: good }) {
  const parts = partsFor('oauth2-introspection', changes)
  const policy = module.compile(settingsOf(schema, { ...base, ...settings }), parts)
  return { parts, result: policy.onRequest!(exchange) as HookResult | Promise<HookResult> }
}

const withToken = (value: string) => exchangeOf({ headers: ['Authorization', value] })

test('a token that its issuer calls active says who is calling', async () => {
  const exchange = withToken('Bearer an-opaque_token~1.2+/==')
  const { parts, result } = run(exchange, {}, { verdict: async () => good })
  assert.equal(await result, undefined)
  assert.equal(exchange.identity, caller)
  assert.deepEqual(parts.seen, ['an-opaque_token~1.2+/=='])
})

test('what no token is spelt like is refused without asking its issuer', async () => {
  for (const token of ['a b', 'a=b', 'naïve', '"quoted"', 'x'.repeat(16_385)]) {
    const { parts, result } = run(withToken(`Bearer ${token}`))
    assert.deepEqual(fieldValues((await refusalOf(result)).headers, 'WWW-Authenticate'), ['Bearer realm="sluice", error="invalid_token"'], token)
    assert.deepEqual(parts.seen, [])
  }
})

test('while the issuer cannot be asked the answer is 503, not 401', async () => {
  const exchange = withToken('Bearer x')
  const refusal = await refusalOf(run(exchange, {}, { verdict: { outcome: 'unavailable', code: 'dependency.issuer_unreachable' } }).result)
  assert.equal(refusal.code, 'dependency.issuer_unreachable')
  assert.equal(exchange.identity, undefined)
})

test('a token without a scope that is needed is 403', async () => {
  assert.equal((await refusalOf(run(withToken('Bearer x'), { scopes: ['a', 'c'] }).result)).code, 'policy.insufficient_scope')
  assert.equal(run(withToken('Bearer x'), { scopes: ['a'] }).result, undefined)
})

test('the rules reach the checker as they are set', () => {
  const { parts } = run(exchangeOf(), { clientAuth: 'body', cacheSeconds: 5, audiences: ['api'], consumerClaim: 'client_id' })
  assert.deepEqual(parts.asked.introspection, [{
    introspectionUrl: base.introspectionUrl, issuer: undefined, clientId: 'gateway', clientSecret: 'env:ISSUER_SECRET', secretInBody: true, insecure: false,
    timeoutMs: 2000, cacheSeconds: 5, staleSeconds: 0, audiences: ['api'], requiredClaims: [], consumerClaim: 'client_id',
  }])
})

const client = { clientId: 'gateway', clientSecret: 's' }
const wrong: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['nobody to ask', client, /one of "introspectionUrl" and "issuer" is needed/],
  ['two to ask', { ...base, issuer: 'https://id.example.com' }, /only one of/],
  ['an issuer over http from afar', { ...client, issuer: 'http://id.example.com' }, /^issuer: .*"insecure: true"/],
  ['an address over http from afar', { ...client, introspectionUrl: 'http://id.example.com/introspect' }, /^introspectionUrl: .*"insecure: true"/],
  ['an address of another scheme', { ...client, introspectionUrl: 'ftp://id.example.com' }, /http or https URL/],
  ['no secret', { ...base, clientSecret: '' }, /Too small/],
  ['failing open', { ...base, failure: 'open' }, /not built yet/],
]
for (const [what, settings, message] of wrong) {
  test(`${what} is a problem at check`, () => {
    assert.match(problemsOf(schema, settings).join('\n'), message)
  })
}

test('plain http is right on loopback, or where it was meant so', () => {
  for (const issuer of ['http://127.0.0.1:9000', 'http://localhost', 'http://[::1]:1']) assert.deepEqual(problemsOf(schema, { ...client, issuer }), [])
  assert.deepEqual(problemsOf(schema, { ...client, issuer: 'http://id.internal', insecure: true }), [])
})

throttleContract(run, () => withToken('Bearer x'))
blindContract(run, () => withToken('Bearer x'))
