import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { exportJWK, jwtVerify, SignJWT } from 'jose'
import { algorithms, createTokenChecker, createVerifier, fixedKeys, parseKeySet, type AlgorithmName, type Verifier } from './index.ts'

const now = Math.floor(Date.now() / 1000)
const clock = { now: () => now * 1000, monotonic: () => 0 }
const rules = { issuer: 'https://id.example', audiences: ['api'], leewaySeconds: 0, requiredClaims: [] }
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curves: Record<string, string> = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' }

function pairFor(algorithm: AlgorithmName) {
  const { keyType, curves: [curve] } = algorithms[algorithm] as { keyType: string; curves: readonly string[] }
  if (keyType === 'rsa') return rsa
  return keyType === 'ec' ? generateKeyPairSync('ec', { namedCurve: curves[curve!]! }) : generateKeyPairSync('ed25519')
}

/** Small, repeatable, and its seed is in the message of every assertion. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function mutate(token: string, random: (below: number) => number): string {
  const at = random(token.length)
  const letter = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.='[random(66)]!
  return [token.slice(0, at) + letter + token.slice(at + 1), token.slice(0, at) + token.slice(at + 1), token.slice(0, at) + letter + token.slice(at)][random(3)]!
}

suite('held against jose', () => {
  let verifier: Verifier
  before(() => {
    verifier = createVerifier()
  })
  after(() => verifier.close())

  for (const algorithm of (Object.keys(algorithms) as AlgorithmName[]).filter((name) => !name.startsWith('HS'))) {
    test(`${algorithm}: what jose signs passes here, and nothing passes here that jose refuses`, async () => {
      const { publicKey, privateKey } = pairFor(algorithm)
      const keys = parseKeySet(JSON.stringify({ keys: [await exportJWK(publicKey)] }), { algorithms: [algorithm], origin: 'fetched' })
      const checker = createTokenChecker({ rules: { ...rules, algorithms: [algorithm] }, keys: fixedKeys(keys), verifier, clock })
      const token = await new SignJWT({ iss: 'https://id.example', aud: 'api', sub: 'acme' }).setProtectedHeader({ alg: algorithm }).setExpirationTime(now + 60).sign(privateKey)
      assert.equal((await checker.check(token)).outcome, 'valid')

      const seed = Date.now() % 100_000
      const random = randomFrom(seed)
      for (let turn = 0; turn < 60; turn++) {
        const changed = mutate(token, random)
        const ours = (await checker.check(changed)).outcome
        if (ours === 'invalid') continue
        await assert.doesNotReject(jwtVerify(changed, publicKey, { issuer: 'https://id.example', audience: 'api', currentDate: new Date(now * 1000) }), `seed ${seed}, turn ${turn}`)
      }
    })
  }

  test('HS256: the secret of the configuration is the secret that jose signed with', async () => {
    const secret = 'thirty-two bytes at least, said the RFC'
    const keys = parseKeySet(JSON.stringify({ keys: [{ kty: 'oct', k: Buffer.from(secret).toString('base64url') }] }), { algorithms: ['HS256'], origin: 'local' })
    const checker = createTokenChecker({ rules: { ...rules, algorithms: ['HS256'] }, keys: fixedKeys(keys), verifier, clock })
    const token = await new SignJWT({ iss: 'https://id.example', aud: ['api'] }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
    assert.equal((await checker.check(token)).outcome, 'valid')
  })
})
