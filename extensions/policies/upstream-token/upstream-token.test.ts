import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, fieldValues, identityOf, partsFor, refusalOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { UpstreamToken } from '../policy.ts'
import { schema } from './schema.ts'
import * as module from './upstream-token.ts'

const base = { issuer: 'https://id.example.com', clientId: 'gateway', clientSecret: 'env:ISSUER_SECRET' }
policyContract({ schema, module, from: import.meta.url, examples: [base], required: 'clientId' })

const token: UpstreamToken = { outcome: 'token', value: 'of-the-gateway' }
const exchange = { grant: 'token-exchange', audience: 'orders' }

function run(settings: object, given: Parameters<typeof exchangeOf>[0], answer: UpstreamToken | Promise<UpstreamToken> = token) {
  const calls: string[] = []
  const parts = partsFor('upstream-token', { upstreamTokens: { get: (subject) => (calls.push(`get ${subject}`), answer), renounce: (value, subject) => void calls.push(`renounce ${value} ${subject}`) } })
  const policy = module.compile(settingsOf(schema, { ...base, ...settings }), parts)
  const one = exchangeOf(given)
  return { policy, exchange: one, calls, parts, result: policy.onRequest!(one) }
}

test("the upstream is shown the gateway's token instead of what the client sent, at once when one is at hand", async () => {
  const { exchange: one, result } = run({}, { headers: ['Authorization', 'Bearer of-the-client'] })
  assert.equal(result, undefined)
  assert.deepEqual(one.request.headers.getAll('authorization'), ['Bearer of-the-gateway'])
  const late = run({ header: 'X-Upstream-Token' }, { headers: ['Authorization', 'Bearer of-the-client', 'x-upstream-token', 'forged'] }, Promise.resolve(token))
  assert.equal(await late.result, undefined)
  assert.deepEqual(['authorization', 'x-upstream-token'].map((name) => late.exchange.request.headers.getAll(name)), [['Bearer of-the-client'], ['of-the-gateway']])
})

test("a caller's token is exchanged, and does not reach the upstream", async () => {
  const { exchange: one, calls, result } = run(exchange, { headers: ['Authorization', 'bearer of-the-caller'], identity: identityOf() })
  assert.equal(await result, undefined)
  assert.deepEqual([calls, one.request.headers.getAll('authorization')], [['get of-the-caller'], ['Bearer of-the-gateway']])
  const other = run({ ...exchange, from: 'header x-token', header: 'x-other' }, { headers: ['X-Token', 'of-the-caller'], identity: identityOf() })
  assert.equal(await other.result, undefined)
  assert.deepEqual(['x-token', 'x-other'].map((name) => other.exchange.request.headers.getAll(name)), [[], ['of-the-gateway']])
})

test('what nobody has let in, and a caller without a token, is 401 and asks no issuer', async () => {
  for (const given of [{ headers: ['Authorization', 'Bearer x'] }, { identity: identityOf() }, { headers: ['Authorization', 'Basic eDp5'], identity: identityOf() }]) {
    const { result, calls } = run(exchange, given)
    const refusal = await refusalOf(result)
    assert.deepEqual([refusal.code, fieldValues(refusal.headers, 'WWW-Authenticate'), calls], ['policy.unauthenticated', ['Bearer realm="sluice"'], []])
  }
})

test('an exchange that the issuer refuses is 403; an issuer that cannot be asked is 503', async () => {
  const caller = { headers: ['Authorization', 'Bearer x'], identity: identityOf() }
  assert.equal((await refusalOf(run(exchange, caller, { outcome: 'refused', reason: 'invalid_target' }).result)).code, 'policy.forbidden')
  assert.equal((await refusalOf(run({}, {}, { outcome: 'unavailable', code: 'dependency.issuer_unreachable' }).result)).code, 'dependency.issuer_unreachable')
})

test('a token that the upstream refuses is given up, and no other', async () => {
  for (const [status, expected] of [[401, ['get undefined', 'renounce of-the-gateway undefined']], [403, ['get undefined']], [200, ['get undefined']]] as const) {
    const { policy, exchange: one, calls } = run({}, {})
    one.response = { status, headers: one.request.headers }
    await policy.onResponse!(one)
    assert.deepEqual(calls, expected)
  }
})

test('the rules reach whoever gets tokens as they are set', () => {
  const { parts } = run({ ...exchange, scopes: ['orders:read'], clientAuth: 'body', resource: 'https://orders.example.com', subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt' }, {})
  assert.deepEqual(parts.asked.upstreamTokens, [{
    issuer: base.issuer, tokenUrl: undefined, clientId: 'gateway', clientSecret: 'env:ISSUER_SECRET', secretInBody: true, insecure: false, timeoutMs: 2000,
    scopes: ['orders:read'], audience: 'orders', resource: 'https://orders.example.com', subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
  }])
})

const client = { clientId: 'gateway', clientSecret: 's' }
for (const [what, settings, message] of [
  ['nobody to ask', client, /one of "issuer" and "tokenUrl" is needed/],
  ['two to ask', { ...base, tokenUrl: 'https://id.example.com/token' }, /only one of/],
  ['an address over http from afar', { ...client, tokenUrl: 'http://id.example.com/token' }, /^tokenUrl: .*"insecure: true"/],
  ['a type that is no URN', { ...base, subjectTokenType: 'jwt' }, /a URN/],
] as const) {
  test(`${what} is a problem at check`, () => {
    assert.match(problemsOf(schema, settings).join('\n'), message)
  })
}
