import assert from 'node:assert/strict'
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { prepareDevelopmentKey } from './development-key.ts'

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-key-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, '.sluice')
}

test('the development key is made once, and only its owner can read it', (t) => {
  const directory = scratch(t)
  const { keyFile } = prepareDevelopmentKey(directory)
  const first = readFileSync(keyFile, 'utf8')
  prepareDevelopmentKey(directory)
  assert.equal(readFileSync(keyFile, 'utf8'), first)
  assert.equal(statSync(keyFile).mode & 0o777, 0o600)
})

test('the key set holds the public half alone, named by its thumbprint', (t) => {
  const { keyFile, jwksFile } = prepareDevelopmentKey(scratch(t))
  const { keys } = JSON.parse(readFileSync(jwksFile, 'utf8')) as { keys: Record<string, string>[] }
  const [jwk = {}] = keys
  assert.deepEqual(Object.keys(jwk).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  assert.equal(jwk['kid'], createHash('sha256').update(`{"crv":"${jwk['crv']}","kty":"EC","x":"${jwk['x']}","y":"${jwk['y']}"}`).digest('base64url'))
  const signature = sign('sha256', Buffer.from('text'), createPrivateKey(readFileSync(keyFile, 'utf8')))
  assert.ok(verify('sha256', Buffer.from('text'), createPublicKey({ key: jwk, format: 'jwk' }), signature))
})
