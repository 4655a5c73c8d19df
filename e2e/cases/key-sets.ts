// AU1: keys from a JWKS address, fetched once for the whole system, rotated
import assert from 'node:assert/strict'
import { answer, echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { ask, refusalOf } from '../actors/ask.ts'
import { makeKey, mint, mintWithPublicKey, type SigningKey } from '../actors/signing-keys.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

const keySet = (...keys: SigningKey[]) => answer(200, JSON.stringify({ keys: keys.map((key) => key.jwk) }), { 'content-type': 'application/jwk-set+json' })

/** An address is fetched once in ten seconds, whatever it is wanted for: floods of unknown keys must not reach an issuer. */
const fetchAgainMs = 10_000

export const keySets: Case = {
  name: 'keys of an issuer are fetched from its address',
  async run(system, t) {
    const [first, second] = [makeKey('ES256'), makeKey('RS256')]
    const issuer = await startUpstream(t, keySet(first))
    const upstream = await startUpstream(t, echo())
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'jwks', match: { path: '/jwks' }, upstream: 'echo', policies: [{ jwt: { jwksUri: `${issuer.url}/jwks`, algorithms: ['ES256', 'RS256'] } }] }],
    })
    const fetchedAt = issuer.requests[0]?.at ?? Number.NaN

    await t.test('one fetch serves every worker of every edge', async () => {
      for (let round = 0; round < 8; round++) assert.equal((await ask(system, '/jwks', bearer(mint(first, { sub: `caller-${round}` })))).status, 200)
      assert.deepEqual(issuer.requests.map((request) => request.url), ['/jwks'])
    })

    await t.test('what the set does not hold is refused', async () => {
      assert.equal((await refusalOf(system, '/jwks', bearer(mintWithPublicKey(first, { sub: 'admin' })))).status, 401)
      assert.equal((await refusalOf(system, '/jwks', bearer(mint(makeKey('ES256', first.kid), { sub: 'admin' })))).status, 401)
    })

    await t.test('a key that is new in the set works on every edge, one that is gone does not', async () => {
      issuer.does(keySet(second))
      await waitUntil(() => performance.now() - fetchedAt > fetchAgainMs, { timeoutMs: 2 * fetchAgainMs, what: 'the address to be due again' })
      for (const edge of system.edges) {
        const isAccepted = async () => (await fetchOnce(`${edge.url}/jwks`, bearer(mint(second, { sub: 'caller' })))).status === 200
        await waitUntil(isAccepted, { timeoutMs: 15_000, what: `${edge.name} to take the new key` })
        assert.equal((await fetchOnce(`${edge.url}/jwks`, bearer(mint(first, { sub: 'new' })))).status, 401)
      }
      assert.equal(issuer.requests.length, 2)
    })

    await t.test('an issuer that is away turns no good token away', async () => {
      await issuer.kill()
      assert.equal((await ask(system, '/jwks', bearer(mint(second, { sub: 'another' })))).status, 200)
    })
  },
}
