import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { IntrospectRequestSchema } from '@sluice/proto/messages/auth'
import { waitUntil } from '@sluice/testkit'
import { asked, startAuth } from './auth-harness.ts'
import { gatewayClient, startIdentityProvider } from './identity-provider.ts'

type Question = MessageInitShape<typeof IntrospectRequestSchema>
const client = { scope: 'default', clientId: gatewayClient.id, clientSecret: gatewayClient.secret, timeoutMs: 1000, maxAgeMs: 30_000 }

async function issuerAndAuth(t: Parameters<typeof startAuth>[0]) {
  const provider = await startIdentityProvider(t)
  const running = await startAuth(t)
  const ask = (token: string, more: Question = {}) => asked.introspect(running.bus, { ...client, introspectionUrl: provider.introspectionUrl, token, ...more })
  return { ...running, provider, ask }
}

const membersOf = ({ claims }: { claims: Uint8Array }) => JSON.parse(Buffer.from(claims).toString()) as Record<string, unknown>

suite('asking a real identity provider', () => {
  test('a token of its own is active, with its scopes and dates; the client proves itself in either way', async (t) => {
    const { provider, ask } = await issuerAndAuth(t)
    for (const secretInBody of [false, true]) {
      const reply = await ask(await provider.accessToken('orders:read orders:write'), { secretInBody })
      const { client_id: owner, scope, exp, token_type: type, iss } = membersOf(reply)
      assert.deepEqual([reply.active, owner, scope, type, iss], [true, 'machine', 'orders:read orders:write', 'Bearer', provider.issuer])
      assert.equal(typeof exp, 'number')
    }
  })

  test('its metadata says where it is asked', async (t) => {
    const { provider, ask } = await issuerAndAuth(t)
    assert.equal((await ask(await provider.accessToken(), { introspectionUrl: '', issuer: provider.issuer })).active, true)
  })

  test('metadata of another issuer than the one that was named is not believed', async (t) => {
    const { provider, ask } = await issuerAndAuth(t)
    const alias = provider.issuer.replace('127.0.0.1', 'localhost')
    await assert.rejects(ask('x', { introspectionUrl: '', issuer: alias }), { code: 'dependency.issuer_unreachable' })
    assert.equal(provider.asked, 0)
  })

  test('a token that was revoked, and one that it never made, are not active', async (t) => {
    const { provider, ask } = await issuerAndAuth(t)
    const token = await provider.accessToken()
    await provider.revoke(token)
    assert.equal((await ask(token)).active, false)
    assert.equal((await ask('nobody-made-this')).active, false)
  })

  test('a client that it does not know, errors, nonsense and silence are an issuer that cannot be asked, and no secret is logged', async (t) => {
    const { provider, ask, log, count } = await issuerAndAuth(t)
    const unreachable = { code: 'dependency.issuer_unreachable' }
    const token = await provider.accessToken()
    await assert.rejects(ask(token, { clientSecret: 'a wrong secret' }), unreachable)
    for (const trouble of ['refuses', 'nonsense', 'hangs'] as const) {
      provider.trouble = trouble
      // A client of its own each time: one that failed three times is left alone for a second.
      await assert.rejects(ask(token, { timeoutMs: 150, secretInBody: trouble === 'hangs' }), unreachable, trouble)
    }
    await provider.leave()
    await assert.rejects(ask(token, { insecure: true }), unreachable)
    assert.equal(count('sluice_auth_introspections_total', 'failed'), 5)
    for (const secret of [token, gatewayClient.secret, 'a wrong secret']) assert.ok(!log.join('').includes(secret))
    assert.match(log.join(''), /an issuer could not be asked about a token/)
  })

  test('an issuer that fails again and again is not asked for a second, and asked again after it', async (t) => {
    const { provider, ask } = await issuerAndAuth(t)
    provider.trouble = 'refuses'
    for (let index = 0; index < 20; index++) await assert.rejects(ask(`token${index}`), { code: 'dependency.issuer_unreachable' })
    assert.ok(provider.asked < 20, `it was asked ${provider.asked} times`)
    provider.trouble = undefined
    const token = await provider.accessToken()
    await waitUntil(async () => (await ask(token)).active)
  })

  test('plain http off loopback is not asked unless that was meant', async (t) => {
    const { ask } = await issuerAndAuth(t)
    await assert.rejects(ask('x', { introspectionUrl: 'http://id.example/introspect' }), { code: 'config.invalid' })
    await assert.rejects(ask('x', { introspectionUrl: '', issuer: 'http://id.example' }), { code: 'config.invalid' })
  })
})
