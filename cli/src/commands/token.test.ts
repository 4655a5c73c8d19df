import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { calculateJwkThumbprint, jwtVerify } from 'jose'
import { runCommand, scratch } from '../../test/run-command.ts'

type Cleanup = Parameters<typeof scratch>[0]

function keyFile(t: Cleanup, key: KeyObject): { directory: string; publicKey: KeyObject } {
  const directory = scratch(t)
  writeFileSync(join(directory, 'key.pem'), key.export({ type: 'pkcs8', format: 'pem' }))
  return { directory, publicKey: createPublicKey(key) }
}

const makers = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  EdDSA: () => generateKeyPairSync('ed25519').privateKey,
}

for (const [algorithm, make] of Object.entries(makers)) {
  test(`a token signed with ${algorithm} is verified by another library, and its kid is the key's thumbprint`, async (t) => {
    const { directory, publicKey } = keyFile(t, make())
    const run = await runCommand(['token', '--key', 'key.pem', '--sub', 'acme', '--ttl', '15m'], { directory })
    assert.deepEqual({ code: run.code, stderr: run.stderr }, { code: 0, stderr: '' })
    const { payload, protectedHeader } = await jwtVerify(run.stdout.trim(), publicKey)
    assert.equal(protectedHeader.alg, algorithm)
    assert.equal(protectedHeader.kid, await calculateJwkThumbprint(publicKey.export({ format: 'jwk' })))
    assert.equal(payload.sub, 'acme')
    assert.equal(payload.exp! - payload.iat!, 900)
  })
}

test('a token carries the issuer, audience, scope and claims that were asked for', async (t) => {
  const { directory, publicKey } = keyFile(t, makers.ES256())
  const wish = ['--issuer', 'https://id.example', '--audience', 'api', 'web', '--scope', 'read write', '--claim', 'tier=gold', 'roles=["a","b"]', 'level=3', 'sub=other']
  const run = await runCommand(['token', '--key', 'key.pem', '--sub', 'acme', ...wish, '--json'], { directory })
  const { payload } = await jwtVerify((JSON.parse(run.stdout) as { token: string }).token, publicKey)
  const { iss, aud, scope, tier, roles, level, sub } = payload
  assert.deepEqual({ iss, aud, scope, tier, roles, level, sub }, { iss: 'https://id.example', aud: ['api', 'web'], scope: 'read write', tier: 'gold', roles: ['a', 'b'], level: 3, sub: 'acme' })
})

test('a missing key, something that is no key, a weak type and a bad duration are one clear line', async (t) => {
  const { directory } = keyFile(t, generateKeyPairSync('x25519').privateKey)
  writeFileSync(join(directory, 'text.pem'), 'hello')
  const attempt = async (key: string, ...rest: string[]) => runCommand(['token', '--key', key, '--sub', 'acme', ...rest], { directory })
  for (const [run, said] of [
    [await attempt('nowhere.pem'), /nowhere\.pem: there is no such file; `npm start`/],
    [await attempt('text.pem'), /text\.pem: no private key in PEM/],
    [await attempt('key.pem'), /a key of type x25519 cannot sign tokens/],
    [await attempt('key.pem', '--ttl', 'soon'), /expected a duration such as 90s/],
    [await attempt('key.pem', '--ttl', '0h'), /expected a duration such as 90s/],
  ] as const) {
    assert.equal(run.code, 1)
    assert.equal(run.stdout, '')
    assert.match(run.stderr, said)
  }
})
