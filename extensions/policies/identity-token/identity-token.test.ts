import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { exchangeOf, identityOf, partsFor } from '../exchange.contract.ts'
import type { Identity } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import { readSigningKey } from '../signing-key.ts'
import * as module from './identity-token.ts'
import { schema } from './schema.ts'

const pem = (pair: { privateKey: { export(options: { format: 'pem'; type: 'pkcs8' }): string | Buffer } }) => pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
const keys = {
  EdDSA: pem(generateKeyPairSync('ed25519')),
  ES256: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  RS256: pem(generateKeyPairSync('rsa', { modulusLength: 2048 })),
}
const base = { key: { kid: 'gw-1', pem: keys.EdDSA } }
policyContract({ schema, module, from: import.meta.url, examples: [base], required: 'key' })

const nowSeconds = 1_800_000_000
const caller = identityOf({ consumer: 'acme', groups: ['gold'], scopes: ['a', 'b'], credential: 'k7f3', method: 'jwt', claims: { tenant: 't1', sub: 'other', list: [1] } })

function policyOf(settings: Record<string, unknown> = {}) {
  const clock = { at: nowSeconds * 1000 }
  const policy = module.compile(settingsOf(schema, { ...base, ...settings }), { ...partsFor('identity-token'), clock: { now: () => clock.at, monotonic: () => 0 } })
  const fieldFor = (identity: Identity | undefined, name = 'x-identity-token', headers: string[] = []) => {
    const exchange = exchangeOf({ headers, ...(identity === undefined ? {} : { identity }) })
    assert.equal(policy.onRequest!(exchange), undefined)
    return exchange.request.headers.getAll(name)
  }
  return { clock, fieldFor }
}

for (const [algorithm, one] of Object.entries(keys)) {
  test(`a token signed by ${algorithm} says who is calling, and jose takes it with the published key`, async () => {
    const key = { kid: 'gw-1', pem: one }
    const [token] = policyOf({ key, issuer: 'gateway', audience: 'orders', claims: ['tenant', 'list', 'missing'] }).fieldFor(caller)
    const set = createLocalJWKSet({ keys: [readSigningKey(key).jwk] } as JSONWebKeySet)
    const { payload, protectedHeader } = await jwtVerify(token!, set, { issuer: 'gateway', audience: 'orders', currentDate: new Date(nowSeconds * 1000) })
    assert.deepEqual(protectedHeader, { alg: algorithm, kid: 'gw-1', typ: 'JWT' })
    assert.deepEqual(payload, {
      tenant: 't1', list: [1], iss: 'gateway', sub: 'acme', aud: 'orders', iat: nowSeconds, exp: nowSeconds + 60, groups: ['gold'], scope: 'a b', credential: 'k7f3', amr: ['jwt'],
    })
  })
}

const payloadOf = (token: string | undefined) => JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>

test('what is not known is not said', () => {
  const [token] = policyOf().fieldFor(identityOf({ consumer: 'user-7', groups: [], credential: '', scopes: [], resolved: false }))
  assert.deepEqual(Object.keys(payloadOf(token)).sort(), ['amr', 'exp', 'iat', 'iss', 'sub'])
})

test('without a caller there is no token, and what the client sends is removed in any case', () => {
  const { fieldFor } = policyOf()
  assert.deepEqual(fieldFor(undefined, 'x-identity-token', ['X-Identity-Token', 'forged', 'x-identity-token', 'again']), [])
  assert.equal(fieldFor(caller, 'x-identity-token', ['X-Identity-Token', 'forged']).length, 1)
})

test('it may stand where upstreams look for tokens', () => {
  const [value, ...more] = policyOf({ header: 'Authorization' }).fieldFor(caller, 'authorization', ['Authorization', "Bearer the client's"])
  assert.match(value!, /^Bearer ey/)
  assert.deepEqual(more, [])
})

test('one caller is sent the same token for half of its time, another its own', () => {
  const { clock, fieldFor } = policyOf({ ttlSeconds: 100 })
  const [first] = fieldFor(caller)
  clock.at += 49_999
  assert.equal(fieldFor(caller)[0], first)
  assert.notEqual(fieldFor(identityOf({ consumer: 'other' }))[0], first)
  clock.at += 1
  const [later] = fieldFor(caller)
  assert.equal(payloadOf(later).exp, nowSeconds + 150)
})

test('keys and claims that cannot be used are problems at check', () => {
  const wrong: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ key: { kid: 'a', pem: 'x' } }, /^key\.pem: it is no private key/],
    [{ key: { kid: 'a', pem: pem(generateKeyPairSync('rsa', { modulusLength: 1024 })) } }, /^key\.pem: the key is not Ed25519/],
    [{ key: { kid: 'a', pem: pem(generateKeyPairSync('ec', { namedCurve: 'P-384' })) } }, /^key\.pem: /],
    [{ ...base, claims: ['sub'] }, /does not have of its own/],
  ]
  for (const [settings, message] of wrong) assert.match(problemsOf(schema, settings)[0] ?? 'none', message)
  assert.deepEqual(problemsOf(schema, { key: { kid: 'a', pem: 'file:not-read.pem' } }), [])
})
