import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { UpstreamTokenRequestSchema } from '@sluice/proto/messages/auth'
import { waitUntil } from '@sluice/testkit'
import { asked, startAuth } from './auth-harness.ts'
import { gatewayClient, startIdentityProvider } from './identity-provider.ts'

type Question = MessageInitShape<typeof UpstreamTokenRequestSchema>
const unreachable = { code: 'dependency.issuer_unreachable' }

async function issuerAndAuth(t: Parameters<typeof startAuth>[0], options: { tokenSeconds?: number } = {}) {
  const provider = await startIdentityProvider(t, options)
  const running = await startAuth(t)
  const client = { issuer: provider.issuer, clientId: gatewayClient.id, clientSecret: gatewayClient.secret, timeoutMs: 2000 }
  const ask = (more: Question = {}) => asked.upstreamToken(running.bus, { scope: 'default', client, ...more } as Question)
  const said = async (token: string) => JSON.parse(Buffer.from((await asked.introspect(running.bus, { scope: 'default', ...client, token, maxAgeMs: 0 })).claims).toString()) as Record<string, unknown>
  return { ...running, provider, client, ask, said }
}

suite('tokens for upstreams, of a real identity provider', () => {
  test("are the gateway's own, with the scopes that were asked for, got once for all who ask", async (t) => {
    const { provider, client, ask, said } = await issuerAndAuth(t)
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask({ scopes: ['orders:read'] })))
    assert.equal(new Set(replies.map(({ accessToken }) => accessToken)).size, 1)
    const [{ accessToken, expiresInMs, renewInMs }] = replies as [typeof replies[0]]
    assert.ok(renewInMs < expiresInMs && expiresInMs <= 600_000)
    const { client_id: owner, scope } = await said(accessToken)
    assert.deepEqual([owner, scope, provider.tokensAsked], [gatewayClient.id, 'orders:read', 1])
    assert.notEqual((await ask({ scopes: ['orders:write'] })).accessToken, accessToken)
    assert.notEqual((await ask({ scopes: ['orders:read'], client: { ...client, issuer: '' }, tokenUrl: provider.tokenUrl })).accessToken, accessToken)
  })

  test('are replaced before they end; while the issuer is away the old one serves to its end', async (t) => {
    const { provider, ask } = await issuerAndAuth(t, { tokenSeconds: 10 })
    const first = await ask()
    const isReplaced = async () => {
      const now = await ask()
      assert.ok(now.expiresInMs > 0)
      return now.accessToken !== first.accessToken
    }
    await waitUntil(isReplaced, { timeoutMs: 20_000, what: 'a new token' })
    const second = await ask()
    await provider.leave()
    await waitUntil(async () => (await ask()).renewInMs === 0, { timeoutMs: 20_000, what: 'the token to be old' })
    assert.equal((await ask()).accessToken, second.accessToken)
    await waitUntil(async () => ask().then(() => false, ({ code }: { code: string }) => code === unreachable.code), { timeoutMs: 20_000, what: 'the token to end' })
    await provider.come()
    await waitUntil(async () => ask().then(({ accessToken }) => accessToken !== second.accessToken, () => false), { what: 'the issuer to be asked again' })
  })

  test('that an upstream has refused are not given out again', async (t) => {
    const { ask } = await issuerAndAuth(t)
    const { accessToken } = await ask()
    assert.notEqual((await ask({ refusedToken: accessToken })).accessToken, accessToken)
  })

  test("are exchanged for callers', each for its own; what the issuer does not exchange is refused", async (t) => {
    const { provider, ask, said } = await issuerAndAuth(t)
    const caller = await provider.accessToken()
    const exchange = (subjectToken: string, audience = 'orders') => ask({ subjectToken, audience, scopes: ['orders:read'] })
    const { accessToken } = await exchange(caller)
    const { client_id: owner, scope } = await said(accessToken)
    assert.deepEqual([owner, scope], [gatewayClient.id, 'orders:read'])
    assert.equal((await exchange(caller)).accessToken, accessToken)
    assert.notEqual((await exchange(await provider.accessToken())).accessToken, accessToken)
    assert.deepEqual([(await exchange('nobody made this')).refusal, (await exchange(caller, 'somebody else')).refusal], ['invalid_grant', 'invalid_target'])
  })

  test("an issuer that refuses the gateway's client is an outage, and no secret is logged", async (t) => {
    const { client, ask, log, count } = await issuerAndAuth(t)
    await assert.rejects(ask({ client: { ...client, clientSecret: 'a wrong secret' } }), unreachable)
    await assert.rejects(ask({ client: { ...client, issuer: 'http://id.example' } }), { code: 'config.invalid' })
    assert.equal(count('sluice_auth_upstream_tokens_total', 'failed'), 1)
    assert.match(log.join(''), /an issuer could not be asked for a token/)
    for (const secret of [gatewayClient.secret, 'a wrong secret']) assert.ok(!log.join('').includes(secret))
  })
})
