// AU11: what upstreams are shown: the gateway's own token, one in exchange for the caller's, an AWS signature
import assert from 'node:assert/strict'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { gatewayClient, startIdentityProvider } from '../../services/auth/test/identity-provider.ts'
import { ask, type Echoed, echoOf, refusalOf } from '../actors/ask.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

const shownIn = ({ headers }: Pick<Echoed, 'headers'>) => /^Bearer (\S+)$/.exec(headers['authorization'] ?? '')?.[1] ?? ''

export const upstreamTokens: Case = {
  name: 'an upstream is shown credentials of the gateway',
  async run(system, t) {
    const provider = await startIdentityProvider(t, { tokenSeconds: 8 })
    const upstream = await startUpstream(t, echo())
    const client = { issuer: provider.issuer, clientId: gatewayClient.id, clientSecret: gatewayClient.secret }
    const aws = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'the key of an AWS account, of the tests', region: 'eu-central-1', service: 'execute-api', maxBodyBytes: 1000 }
    for (const secret of [gatewayClient.secret, aws.secretAccessKey]) system.secrets.add(secret)
    const introspection = { 'oauth2-introspection': { ...client, cacheSeconds: 1 } }
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }], hostHeader: 'endpoint' } },
      routes: [
        { name: 'own', match: { path: '/own' }, upstream: 'echo', policies: [{ 'upstream-token': { ...client, scopes: ['orders:read'] } }] },
        { name: 'exchanged', match: { path: '/exchanged' }, upstream: 'echo', policies: [introspection, { 'upstream-token': { ...client, grant: 'token-exchange', audience: 'orders' } }] },
        { name: 'not-exchanged', match: { path: '/not-exchanged' }, upstream: 'echo', policies: [introspection, { 'upstream-token': { ...client, grant: 'token-exchange', audience: 'nobody' } }] },
        { name: 'signed', match: { pathPrefix: '/signed' }, upstream: 'echo', rewrite: { stripPrefix: '/signed' }, policies: [{ 'aws-signature': aws }] },
      ],
    })
    const made = async (options?: Parameters<typeof echoOf>[2]) => {
      const token = shownIn(await echoOf(system, '/own', options))
      system.secrets.add(token)
      return token
    }

    await t.test("a token of the gateway's own stands in the place of what the client sent, the same on all edges and workers", async () => {
      const before = provider.tokensAsked
      const token = await made(bearer('of-the-client'))
      assert.notEqual(token, 'of-the-client')
      for (let round = 0; round < 4; round++) assert.equal(await made(), token)
      assert.equal(provider.tokensAsked - before, 1)
    })

    await t.test('it is replaced before it ends, and serves on while its issuer is away', async () => {
      const first = await made()
      await waitUntil(async () => (await made()) !== first, { timeoutMs: 30_000, what: 'a new token' })
      await provider.leave()
      assert.equal((await ask(system, '/own')).status, 200)
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(edge.url, { path: '/own' })).status === 503, { timeoutMs: 30_000, what: 'the last token to end' })
      await provider.come()
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(edge.url, { path: '/own' })).status === 200, { timeoutMs: 30_000, what: 'a token again' })
    })

    await t.test("a caller's token is exchanged, and does not reach the upstream; one that the issuer does not exchange is 403", async () => {
      const caller = await provider.accessToken()
      const shown = shownIn(await echoOf(system, '/exchanged', bearer(caller)))
      for (const token of [caller, shown]) system.secrets.add(token)
      assert.ok(shown !== '' && shown !== caller)
      assert.deepEqual([(await refusalOf(system, '/not-exchanged', bearer(caller))).reason, (await refusalOf(system, '/exchanged')).status], ['policy.forbidden', 401])
    })

    await t.test('a request to AWS is signed as it is sent, with its body', async () => {
      const options = { method: 'POST', body: 'hello', headers: { authorization: 'Bearer of-the-client', 'content-type': 'text/plain' } }
      const { url, headers, body } = await echoOf(system, '/signed/a%20b?z=1&a=2', options)
      assert.deepEqual([url, body, headers['host']], ['/a%20b?a=2&z=1', 'hello', new URL(upstream.url).host])
      assert.equal(headers['x-amz-content-sha256'], '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')
      const date = headers['x-amz-date'] ?? ''
      const prefix = `AWS4-HMAC-SHA256 Credential=${aws.accessKeyId}/${date.slice(0, 8)}/eu-central-1/execute-api/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=`
      assert.equal(headers['authorization']?.slice(0, prefix.length), prefix)
      assert.equal((await refusalOf(system, '/signed/x', { method: 'POST', body: 'x'.repeat(1001) })).reason, 'client.body_too_large')
      const { headers: chunked, body: whole } = await echoOf(system, '/signed/x', { ...options, headers: { 'transfer-encoding': 'chunked' } })
      assert.deepEqual([whole, chunked['content-length'], chunked['x-amz-content-sha256']], ['hello', '5', headers['x-amz-content-sha256']])
    })
  },
}
