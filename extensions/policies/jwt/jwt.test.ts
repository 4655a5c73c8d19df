import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { blindContract } from '../blind-setting.contract.ts'
import { exchangeOf, fieldValues, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult, Verdict } from '../policy.ts'
import { throttleContract } from '../throttle-setting.contract.ts'
import * as module from './jwt.ts'
import { schema } from './schema.ts'

const base = { jwksUri: 'https://id.example.com/jwks', algorithms: ['RS256'] }
policyContract({ schema, module, from: import.meta.url, examples: [base], required: '' })

const caller = identityOf({ consumer: 'alice', method: 'jwt', scopes: ['a', 'b'] })
const good: Verdict = { outcome: 'valid', identity: caller }

function run(exchange: Exchange, settings: Record<string, unknown> = {}, changes: PartsChanges = { verdict: good }) {
  const parts = partsFor('jwt', changes)
  const policy = module.compile(settingsOf(schema, { ...base, ...settings }), parts)
  return { parts, result: policy.onRequest!(exchange) as HookResult | Promise<HookResult> }
}

const withToken = (value: string) => exchangeOf({ headers: ['Authorization', value] })

test('a good token says who is calling, at once when the answer is known', () => {
  const exchange = withToken('Bearer t.o.k')
  const { parts, result } = run(exchange)
  assert.equal(result, undefined)
  assert.equal(exchange.identity, caller)
  assert.deepEqual(parts.seen, ['t.o.k'])
})

test('a token that has to be looked at first is waited for', async () => {
  const exchange = withToken('bEaReR   t.o.k ')
  const { parts, result } = run(exchange, {}, { verdict: async () => good })
  assert.ok(result instanceof Promise)
  assert.equal(await result, undefined)
  assert.equal(exchange.identity, caller)
  assert.deepEqual(parts.seen, ['t.o.k'])
})

test('without a token the answer is 401, and no error is named', async () => {
  const refusal = await refusalOf(run(exchangeOf()).result)
  assert.equal(refusal.code, 'policy.unauthenticated')
  assert.equal(refusal.withoutCredential, true)
  assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['Bearer realm="sluice"'])
})

test('a credential of another scheme is no token', async () => {
  for (const value of ['Basic YTpi', 'Bearerx y']) assert.equal((await refusalOf(run(withToken(value)).result)).withoutCredential, true)
})

test('a token that is not good is 401 with its error, and says nothing of the reason', async () => {
  const refusal = await refusalOf(run(withToken('Bearer x'), {}, { verdict: { outcome: 'invalid', reason: 'expired' } }).result)
  assert.equal(refusal.code, 'policy.unauthenticated')
  assert.equal(refusal.withoutCredential, undefined)
  assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['Bearer realm="sluice", error="invalid_token"'])
  assert.doesNotMatch(JSON.stringify(refusal), /expired/)
})

const unusable: readonly (readonly [string, Exchange])[] = [
  ['an empty token', withToken('Bearer')],
  ['a token of blanks', withToken('Bearer  ')],
  ['a token longer than any', withToken(`Bearer ${'x'.repeat(16_385)}`)],
  ['a field that stands twice', exchangeOf({ headers: ['Authorization', 'Bearer a', 'authorization', 'Bearer b'] })],
]
for (const [what, exchange] of unusable) {
  test(`${what} is refused without asking anybody`, async () => {
    const { parts, result } = run(exchange)
    assert.deepEqual(fieldValues((await refusalOf(result)).headers, 'WWW-Authenticate'), ['Bearer realm="sluice", error="invalid_token"'])
    assert.deepEqual(parts.seen, [])
  })
}

test('while the key set cannot be had the answer is 503, not 401', async () => {
  const exchange = withToken('Bearer x')
  const refusal = await refusalOf(run(exchange, {}, { verdict: { outcome: 'unavailable', code: 'dependency.key_set_unavailable' } }).result)
  assert.equal(refusal.code, 'dependency.key_set_unavailable')
  assert.equal(exchange.identity, undefined)
})

test('a token without a scope that is needed is 403, and identifies nobody', async () => {
  const exchange = withToken('Bearer x')
  const refusal = await refusalOf(run(exchange, { scopes: ['a', 'c'] }).result)
  assert.equal(refusal.code, 'policy.insufficient_scope')
  assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['Bearer realm="sluice", error="insufficient_scope", scope="a c"'])
  assert.equal(exchange.identity, undefined)
})

test('a token with all scopes passes', () => {
  assert.equal(run(withToken('Bearer x'), { scopes: ['b', 'a'] }).result, undefined)
})

test('the token goes on to the upstream unless that is switched off', () => {
  const kept = withToken('Bearer x')
  run(kept)
  assert.equal(kept.request.headers.get('authorization'), 'Bearer x')
  const dropped = withToken('Bearer x')
  run(dropped, { forwardToken: false })
  assert.equal(dropped.request.headers.get('authorization'), undefined)
})

test('the token is found in another header, a query parameter or a cookie, and removed from there', () => {
  const places: readonly (readonly [string, Exchange])[] = [
    ['header X-Token', exchangeOf({ headers: ['x-token', 'Bearer t.o.k'] })],
    ['header X-Token', exchangeOf({ headers: ['x-token', 't.o.k'] })],
    ['query token', exchangeOf({ query: 'a=%7e&token=t.o.k' })],
    ['cookie session', exchangeOf({ headers: ['Cookie', 'a=1; session=t.o.k'] })],
  ]
  for (const [from, exchange] of places) {
    const { parts, result } = run(exchange, { from, forwardToken: false })
    assert.equal(result, undefined, from)
    assert.deepEqual(parts.seen, ['t.o.k'])
    assert.doesNotMatch(exchange.request.headers.flat.join() + exchange.request.query, /t\.o\.k/)
  }
})

test('the rules reach the checker as they are set', () => {
  const { parts } = run(exchangeOf(), { issuer: 'https://id', audiences: ['api'], requiredClaims: { tenant: 'a' }, consumerClaim: 'client_id', leewaySeconds: 5 })
  assert.deepEqual(parts.asked.tokens, [
    { issuer: 'https://id', audiences: ['api'], algorithms: ['RS256'], jwksUri: 'https://id.example.com/jwks', jwks: undefined, keys: undefined, leewaySeconds: 5, requiredClaims: { tenant: 'a' }, consumerClaim: 'client_id', insecure: false },
  ])
})

test("a key set file's text reaches the checker, and a path that was not read is an error", () => {
  const text = ' {"keys":[{"kty":"oct","alg":"HS256"}]}'
  const parts = partsFor('jwt')
  module.compile(settingsOf(schema, { jwksFile: text }), parts)
  assert.equal(parts.asked.tokens[0]!.jwks, text)
  assert.throws(() => module.compile(settingsOf(schema, { jwksFile: 'keys/jwks.json' }), parts), /jwksFile/)
})

const wrong: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['no keys at all', { algorithms: ['RS256'] }, /one of "jwksUri", "jwksFile" and "keys" is needed/],
  ['two places for keys', { ...base, jwksFile: 'a' }, /only one of/],
  ['a key set over http from afar', { ...base, jwksUri: 'http://id.example.com/jwks' }, /^jwksUri: .*insecure/],
  ['a key set of another scheme', { ...base, jwksUri: 'file:///etc/passwd' }, /http or https URL/],
  ['no algorithms beside a URL', { jwksUri: base.jwksUri }, /"algorithms" is needed/],
  ['no algorithms beside a key without one', { keys: [{ secret: 's', alg: 'HS256' }, { secret: 't' }] }, /"algorithms" is needed/],
  ['no algorithms beside a file whose keys name none', { jwksFile: '{"keys":[{"kty":"RSA"}]}' }, /"algorithms" is needed/],
  ['a file that is no key set', { jwksFile: '{"key":1}', algorithms: ['RS256'] }, /^jwksFile: the file is no key set/],
  ['the algorithm none', { ...base, algorithms: ['none'] }, /Invalid option/],
  ['a secret for RS256', { keys: [{ secret: 's', alg: 'RS256' }] }, /^keys\.0\.alg: a "secret" goes with HS256/],
  ['a public key for HS256', { keys: [{ pem: 'p' }], algorithms: ['HS256'] }, /^keys\.0\.pem: a "pem" does not go with HS256/],
  ['a key that is both', { keys: [{ pem: 'p', secret: 's', alg: 'HS256' }] }, /either "pem" or "secret"/],
  ['a secret that is too short', { keys: [{ secret: 'short', alg: 'HS256' }] }, /^keys\.0\.secret: the secret is shorter than 32 bytes$/],
  ['a PEM that holds no key', { keys: [{ kid: 'a', pem: 'p', alg: 'ES256' }] }, /^keys\.0\.pem: it is neither a public key nor a certificate in PEM$/],
  ['a file without a key that can be used', { jwksFile: '{"keys":[{"kty":"RSA","alg":"RS256"}]}' }, /^jwksFile: the key set has no key that can be used/],
  ['a place that is none', { ...base, from: 'body token' }, /"header NAME", "query NAME" or "cookie NAME"/],
  ['failing open', { ...base, failure: 'open' }, /not built yet/],
]
for (const [what, settings, message] of wrong) {
  test(`${what} is a problem at check`, () => {
    assert.match(problemsOf(schema, settings).join('\n'), message)
  })
}

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicPem = publicKey.export({ format: 'pem', type: 'spki' }) as string
const keySetText = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'ES256' }] })
const secret = 'a secret of more than thirty-two bytes'

const right: readonly (readonly [string, Record<string, unknown>])[] = [
  ['a key set over http on loopback', { ...base, jwksUri: 'http://127.0.0.1:9000/jwks' }],
  ['a key set over http that was meant so', { ...base, jwksUri: 'http://id.internal/jwks', insecure: true }],
  ['keys that all name their algorithm', { keys: [{ secret, alg: 'HS256' }, { kid: 'b', pem: publicPem, alg: 'ES256' }] }],
  ['a key whose value was not read', { keys: [{ secret: 'env:NOT_SET', alg: 'HS256' }] }],
  ['a file whose keys all name their algorithm', { jwksFile: keySetText }],
  ['a file that is not read yet', { jwksFile: 'keys.json' }],
]
for (const [what, settings] of right) {
  test(`${what} is right`, () => {
    assert.deepEqual(problemsOf(schema, settings), [])
  })
}

throttleContract(run, () => withToken('Bearer x'))
blindContract(run, () => withToken('Bearer x'))
