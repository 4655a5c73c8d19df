// AU2: opaque tokens by introspection (RFC 7662), by client credentials of a real identity provider
import assert from 'node:assert/strict'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { gatewayClient, startIdentityProvider } from '../../services/auth/test/identity-provider.ts'
import { ask, echoOf, refusalOf } from '../actors/ask.ts'
import { makeConsumer } from '../actors/consumers.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

const realm = 'Bearer realm="sluice"'

export const opaqueTokens: Case = {
  name: 'the issuer of an opaque token is asked who is calling',
  async run(system, t) {
    const provider = await startIdentityProvider(t)
    const upstream = await startUpstream(t, echo())
    const client = { clientId: gatewayClient.id, clientSecret: gatewayClient.secret }
    system.secrets.add(gatewayClient.secret)
    const route = (name: string, settings: object) => ({ name, match: { path: `/${name}` }, upstream: 'echo', policies: [{ 'oauth2-introspection': { ...client, ...settings } }] })
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      groups: [{ name: 'machines' }],
      routes: [
        route('opaque', { issuer: provider.issuer, timeoutMs: 10_000 }),
        route('opaque-scoped', { issuer: provider.issuer, scopes: ['orders:write'] }),
        route('opaque-brief', { introspectionUrl: provider.introspectionUrl, cacheSeconds: 1 }),
        route('opaque-uncached', { introspectionUrl: provider.introspectionUrl, cacheSeconds: 0, forwardToken: false, timeoutMs: 1000 }),
        route('opaque-wrong-client', { introspectionUrl: provider.introspectionUrl, clientSecret: 'not the secret' }),
        { name: 'opaque-members', match: { path: '/opaque-members' }, upstream: 'echo', policies: [{ 'oauth2-introspection': { ...client, issuer: provider.issuer } }, { acl: { allow: { groups: ['machines'] } } }] },
      ],
    })
    const newToken = async (scopes?: string) => {
      const token = await provider.accessToken(scopes)
      system.secrets.add(token)
      return token
    }

    await t.test('a token of a client is the client, asked about once for all edges and workers', async () => {
      const token = await newToken()
      const before = provider.asked
      for (let round = 0; round < 4; round++) assert.equal((await echoOf(system, '/opaque', bearer(token))).headers['x-consumer-name'], 'machine')
      assert.equal(provider.asked - before, 1)
    })

    await t.test('its client may be a consumer, with groups', async () => {
      const token = await newToken()
      assert.equal((await refusalOf(system, '/opaque-members', bearer(token))).status, 403)
      await makeConsumer(system, 'opaque-machine', { groups: ['machines'], credentials: [{ jwtSubject: 'machine' }] })
      assert.equal((await echoOf(system, '/opaque-members', bearer(token))).headers['x-consumer-name'], 'opaque-machine')
      assert.equal((await system.admin('DELETE', '/v1/consumers/opaque-machine?wait=all')).status, 200)
    })

    await t.test('a scope that is missing is 403; what the issuer never made, or revoked, is 401', async () => {
      assert.equal((await ask(system, '/opaque-scoped', bearer(await newToken('orders:read orders:write')))).status, 200)
      const { status, reason, answer } = await refusalOf(system, '/opaque-scoped', bearer(await newToken('orders:read')))
      assert.deepEqual([status, reason, answer.headers['www-authenticate']], [403, 'policy.insufficient_scope', `${realm}, error="insufficient_scope", scope="orders:write"`])
      const revoked = await newToken()
      await provider.revoke(revoked)
      for (const token of [revoked, 'nobody-made-this', 'a.b.c']) {
        const refusal = await refusalOf(system, '/opaque', bearer(token))
        assert.deepEqual([refusal.status, refusal.answer.headers['www-authenticate']], [401, `${realm}, error="invalid_token"`])
      }
      assert.equal((await refusalOf(system, '/opaque')).answer.headers['www-authenticate'], realm)
    })

    await t.test('a token that is revoked is refused once its answer is too old, at once where none is kept', async () => {
      const token = await newToken()
      for (const path of ['/opaque-brief', '/opaque-uncached']) assert.equal((await ask(system, path, bearer(token))).status, 200)
      await provider.revoke(token)
      assert.equal((await refusalOf(system, '/opaque-uncached', bearer(token))).status, 401)
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(`${edge.url}/opaque-brief`, bearer(token))).status === 401, { what: 'the answer to be too old' })
    })

    await t.test('the token need not reach the upstream', async () => {
      const { headers } = await echoOf(system, '/opaque-uncached', bearer(await newToken()))
      assert.deepEqual([headers['x-consumer-name'], headers['authorization']], ['machine', undefined])
    })

    await t.test('an issuer that refuses the gateway, is down, slow or talks nonsense is 503, never 401; what is remembered goes on', async () => {
      const known = await newToken()
      assert.equal((await ask(system, '/opaque', bearer(known))).status, 200)
      const unreachable = async (path: string) => {
        const { status, reason } = await refusalOf(system, path, bearer(await newToken()))
        assert.deepEqual([status, reason], [503, 'dependency.issuer_unreachable'], path)
      }
      await unreachable('/opaque-wrong-client')
      const token = await newToken()
      for (const trouble of ['refuses', 'nonsense', 'hangs'] as const) {
        provider.trouble = trouble
        const { status, reason } = await refusalOf(system, '/opaque-uncached', bearer(token))
        assert.deepEqual([status, reason], [503, 'dependency.issuer_unreachable'], trouble)
      }
      provider.trouble = undefined
      await provider.leave()
      assert.equal((await refusalOf(system, '/opaque-uncached', bearer(token))).reason, 'dependency.issuer_unreachable')
      assert.equal((await ask(system, '/opaque', bearer(known))).status, 200)
      await provider.come()
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(`${edge.url}/opaque-uncached`, bearer(token))).status === 200, { what: 'the issuer to be asked again' })
    })
  },
}
