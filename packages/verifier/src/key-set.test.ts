import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { suite, test } from 'node:test'
import { parseConfiguredKeys, parseKeySet, publicKeySet } from './index.ts'
import { ec, ed, issuerKeys, jwk, otherRsa, rsa } from '../test/minted-tokens.ts'

const fetched = (keys: unknown[], algorithms?: string[]) => parseKeySet(JSON.stringify({ keys }), { algorithms, origin: 'fetched' })
const reasons = (set: { passedOver: readonly { reason: string }[] }) => set.passedOver.map(({ reason }) => reason)
const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' }).toString()
const algorithmsOf = (key: KeyObject, allowed: string[]) => fetched([jwk(key, {})], allowed).keys[0]?.algorithms

suite('key sets', () => {
  test('a key is pinned to the algorithms that its type, its curve and the rules allow', () => {
    const all = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'HS256']
    assert.deepEqual(algorithmsOf(rsa.publicKey, all), ['RS256', 'PS256'])
    assert.deepEqual(algorithmsOf(ec.publicKey, all), ['ES256'])
    assert.deepEqual(algorithmsOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey, all), ['ES384'])
    assert.deepEqual(algorithmsOf(ed.publicKey, all), ['EdDSA'])
    assert.deepEqual(algorithmsOf(generateKeyPairSync('ed448').publicKey, all), ['EdDSA'])
  })

  test('a key that names its algorithm is used with that one only', () => {
    const set = fetched([jwk(rsa.publicKey, { kid: 'a', alg: 'PS512' })], ['RS256', 'PS512'])
    assert.deepEqual(set.keys[0]?.algorithms, ['PS512'])
    assert.equal(set.find('RS256', 'a').length, 0)
    assert.equal(set.find('PS512', 'a').length, 1)
  })

  test('what cannot be used is passed over with its reason, and the rest stays', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
    const foreignCurve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey
    const set = fetched(
      [
        jwk(rsa.publicKey, { kid: 'good' }), jwk(small, {}), jwk(foreignCurve, {}), { kty: 'AKP', pub: 'AA' }, { kty: 'oct', k: 'A'.repeat(86) },
        jwk(rsa.publicKey, { use: 'enc' }), jwk(rsa.publicKey, { key_ops: ['sign'] }), jwk(rsa.publicKey, { alg: 'ES256' }),
        jwk(rsa.publicKey, { alg: 'RS1' }), jwk(generateKeyPairSync('x25519').publicKey, {}), { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, 'not a key', null,
        { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' }, jwk(rsa.publicKey, { kid: 'k'.repeat(300) }), jwk(ec.publicKey, { alg: 'ES256' }),
      ],
      ['RS256'],
    )
    assert.deepEqual(set.keys.map(({ kid }) => kid), ['good'])
    assert.deepEqual(reasons(set), [
      'an RSA key must have 2048 to 8192 bits',
      'the curve is not P-256, P-384 or P-521',
      'the key type "AKP" is not one that signs tokens',
      'a secret has no place in a published key set',
      'the key is not for signatures',
      'the key is not for verifying',
      'the key does not fit its algorithm ES256',
      'the algorithm "RS1" is not one that is accepted',
      'the key type is not one that signs tokens',
      'an RSA key must have 2048 to 8192 bits',
      'it is not a JSON Web Key',
      'it is not a JSON Web Key',
      'the key cannot be read',
      'the `kid` is no text, or longer than 256 characters',
      'none of the allowed algorithms fits the key',
    ])
  })

  test('an RSA key with exponent 1, under which every text is its own signature, is refused', () => {
    const set = fetched([{ ...jwk(rsa.publicKey, {}), e: 'AQ' }], ['RS256'])
    assert.deepEqual(reasons(set), ['the RSA exponent is not one in use'])
  })

  test('a token without kid is tried against four keys at most, one with kid against its own', () => {
    const keys = Array.from({ length: 6 }, (_, index) => jwk(rsa.publicKey, { kid: `k${index}` }))
    const set = fetched(keys, ['RS256'])
    assert.equal(set.find('RS256', undefined).length, 4)
    assert.deepEqual(set.find('RS256', 'k5').map(({ kid }) => kid), ['k5'])
    assert.equal(set.find('RS256', 'k6').length, 0)
  })

  test('a key without kid fits every token, after the key that was named', () => {
    const set = fetched([jwk(otherRsa.publicKey, {}), jwk(rsa.publicKey, { kid: 'a' })], ['RS256'])
    assert.deepEqual(set.find('RS256', 'a').map(({ kid }) => kid), ['a', undefined])
  })

  test('a key keeps its id in a set that was fetched again, and loses it with its kid or its algorithms', () => {
    const before = issuerKeys().keys[0]!
    assert.equal(issuerKeys().has(before.id), true)
    assert.equal(issuerKeys(['RS512', 'ES256']).has(before.id), false)
    assert.equal(fetched([jwk(rsa.publicKey, { kid: 'r2' })], ['RS256']).has(before.id), false)
  })

  test('a document that is no key set is a problem, whoever it came from', () => {
    for (const text of ['<html>', '{}', '[]', 'null', '{"keys":{}}', JSON.stringify({ keys: Array(257).fill({}) })])
      assert.throws(() => parseKeySet(text, { algorithms: ['RS256'], origin: 'fetched' }), { code: 'config.invalid' })
  })

  test('a fetched set may be empty, a local one may not', () => {
    assert.equal(fetched([], ['RS256']).keys.length, 0)
    assert.throws(() => parseKeySet('{"keys":[]}', { algorithms: ['RS256'], origin: 'local' }), /no key that can be used/)
  })

  test('a local set may hold secrets, each for the hashes it is long enough for', () => {
    const text = JSON.stringify({ keys: [{ kty: 'oct', k: Buffer.alloc(48, 7).toString('base64url') }] })
    assert.deepEqual(parseKeySet(text, { algorithms: ['HS256', 'HS384', 'HS512'], origin: 'local' }).keys[0]?.algorithms, ['HS256', 'HS384'])
  })

  test('what is sent on holds no private and no secret member', () => {
    const document = { keys: [{ ...rsa.privateKey.export({ format: 'jwk' }), kid: 'leaked' }, { kty: 'oct', k: 'c2VjcmV0' }, 'junk'] }
    const sent = publicKeySet(JSON.stringify(document))
    assert.deepEqual(sent.keys.map((key) => Object.keys(key).sort()), [['e', 'kid', 'kty', 'n']])
  })
})

suite('keys of the configuration', () => {
  test('a public key in PEM and a secret are taken, with their kid and alg', () => {
    const set = parseConfiguredKeys([{ kid: 'a', alg: 'RS256', pem: pem(rsa.publicKey) }, { secret: 's'.repeat(32) }], ['RS256', 'HS256'])
    assert.deepEqual(set.keys.map(({ kid, kind, algorithms }) => [kid, kind, algorithms]), [['a', 'public', ['RS256']], [undefined, 'secret', ['HS256']]])
  })

  test('without algorithms each key must name its own', () => {
    assert.deepEqual(parseConfiguredKeys([{ alg: 'ES256', pem: pem(ec.publicKey) }], undefined).keys[0]?.algorithms, ['ES256'])
    assert.throws(() => parseConfiguredKeys([{ pem: pem(ec.publicKey) }], undefined), /names no algorithm/)
  })

  test('every key that cannot be used is named at once', () => {
    const keys = [
      { kid: 'a', pem: rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() },
      { kid: 'b', pem: 'nonsense' },
      { kid: 'c', secret: 'short' },
      { kid: 'd' },
    ]
    assert.throws(() => parseConfiguredKeys(keys, ['RS256', 'HS256']), {
      code: 'config.invalid',
      detail:
        'a: it is a private key; give the public one; b: it is neither a public key nor a certificate in PEM; c: the secret is shorter than 32 bytes; d: either `pem` or `secret` is needed',
    })
  })
})
