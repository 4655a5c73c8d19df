import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { exchangeOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { Answer } from '../policy.ts'
import * as module from './key-set.ts'
import { schema } from './schema.ts'

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
const keys = [{ kid: 'gw-1', pem }, { kid: 'gw-0', pem: other }]
policyContract({ schema, module, from: import.meta.url, examples: [{ keys }], required: 'keys' })

test('the public halves are published, and nothing else of the keys', () => {
  const policy = module.compile(settingsOf(schema, { keys, maxAgeSeconds: 60 }))
  const answer = policy.onRequest!(exchangeOf()) as Answer
  assert.deepEqual([answer.status, answer.headers], [200, ['Content-Type', 'application/jwk-set+json', 'Cache-Control', 'public, max-age=60']])
  const set = JSON.parse(answer.body) as { keys: Record<string, string>[] }
  assert.deepEqual(set.keys.map(({ kid, kty, alg, use }) => [kid, kty, alg, use]), [['gw-1', 'OKP', 'EdDSA', 'sig'], ['gw-0', 'RSA', 'RS256', 'sig']])
  assert.deepEqual(set.keys.map((key) => Object.keys(key).sort()), [['alg', 'crv', 'kid', 'kty', 'use', 'x'], ['alg', 'e', 'kid', 'kty', 'n', 'use']])
  assert.equal(policy.onRequest!(exchangeOf()), answer)
})

test('a key that stands twice or cannot be used is a problem at check', () => {
  assert.match(problemsOf(schema, { keys: [keys[0], keys[0]] })[0]!, /^keys\.1\.kid: .*twice/)
  assert.match(problemsOf(schema, { keys: [{ kid: 'a', pem: 'x' }] })[0]!, /^keys\.0\.pem: /)
})
