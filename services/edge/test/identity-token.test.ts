import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { echo, fetchOnce, startUpstream } from '@sluice/testkit'
import { mintingAt } from '../../../packages/verifier/test/hostile/minting.ts'
import { rsa } from '../../../packages/verifier/test/minted-tokens.ts'
import { startEdge } from './edge-harness.ts'

test('an upstream learns from a token of the gateway, checked with the published keys, who is calling', async (t) => {
  const upstream = await startUpstream(t, echo())
  const key = { kid: 'gw-1', pem: 'file:gw-1.pem' }
  const jwt = { keys: [{ kid: 'r1', pem: rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string, alg: 'RS256' }] }
  const under = await startEdge(t, {
    upstreams: { main: { endpoints: [{ url: upstream.url }] } },
    routes: [
      { name: 'api', match: { path: '/api' }, upstream: 'main', policies: [{ any: { methods: [{ jwt }], anonymous: 'guest' } }, { 'identity-token': { key, audience: 'orders', claims: ['tenant'] } }] },
      { name: 'open', match: { path: '/open' }, upstream: 'main', policies: [{ 'identity-token': { key } }] },
      { name: 'keys', match: { path: '/.well-known/jwks.json' }, policies: [{ 'key-set': { keys: [key] } }] },
    ],
    secrets: { 'file:gw-1.pem': generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string },
  } as never)
  const seen = async (path: string, headers: Record<string, string>) => (await fetchOnce(under.url + path, { headers })).json<{ headers: Record<string, string> }>().headers
  const minting = mintingAt(Math.floor(Date.now() / 1000))
  const published = createRemoteJWKSet(new URL(`${under.url}/.well-known/jwks.json`))
  const rules = { issuer: 'sluice', audience: 'orders' }

  const known = await seen('/api', { authorization: `Bearer ${minting.token(minting.claims({ tenant: 't1', scope: 'read' }))}`, 'x-identity-token': 'forged' })
  const { payload } = await jwtVerify(known['x-identity-token']!, published, rules)
  assert.deepEqual([payload.sub, payload['tenant'], payload['scope'], payload['amr']], ['acme', 't1', 'read', ['jwt']])

  const guest = await jwtVerify((await seen('/api', {}))['x-identity-token']!, published, rules)
  assert.deepEqual([guest.payload.sub, guest.payload['amr']], ['guest', ['anonymous']])
  assert.equal((await seen('/open', { 'x-identity-token': 'forged' }))['x-identity-token'], undefined)
})
