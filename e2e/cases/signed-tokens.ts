// AU1, AU8 (401 and 403 with WWW-Authenticate), AU7 (a consumer's name to the upstream)
import assert from 'node:assert/strict'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { ask, echoOf, refusalOf } from '../actors/ask.ts'
import { makeKey, mint, mintUnsigned, mintWithPublicKey, secondsFromNow, withBrokenSignature, withOtherClaims, type Claims, type SigningKey } from '../actors/signing-keys.ts'
import type { Case } from './case.ts'

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'HS384', 'HS512']
const realm = 'Bearer realm="sluice"'

export const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

export const signedTokens: Case = {
  name: 'a signed token says who is calling',
  async run(system, t) {
    const keys = new Map(algorithms.map((alg) => [alg, makeKey(alg)]))
    const key = (alg: string): SigningKey => keys.get(alg)!
    const upstream = await startUpstream(t, echo())
    const route = (name: string, settings: object) => ({ name, match: { path: `/${name}` }, upstream: 'echo', policies: [{ jwt: settings }] })
    const es = [key('ES256').configured]
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [
        route('all', { keys: [...keys.values()].map((one) => one.configured) }),
        route('strict', { keys: es, issuer: 'https://id.test', audiences: ['api', 'web'], leewaySeconds: 0 }),
        route('scoped', { keys: es, scopes: ['read', 'write'] }),
        route('claims', { keys: es, requiredClaims: { tier: 'gold', roles: 'editor' } }),
        route('lenient', { keys: es, leewaySeconds: 30 }),
        route('named', { keys: es, consumerClaim: 'client_id', forwardToken: false }),
        route('rsa-only', { keys: [{ kid: key('RS256').kid, pem: key('RS256').configured.pem }], algorithms: ['RS256'] }),
      ],
    })
    const token = (claims: Claims = {}, header: Claims = {}) => mint(key('ES256'), { sub: 'alice', ...claims }, header)
    const challengeOf = async (path: string, value: string | undefined) => {
      const { status, reason, answer } = await refusalOf(system, path, value === undefined ? {} : { headers: { authorization: value } })
      return [status, reason, answer.headers['www-authenticate']]
    }
    const invalid = [401, 'policy.unauthenticated', `${realm}, error="invalid_token"`]

    await t.test('every algorithm that is accepted, with keys of the configuration', async () => {
      for (const alg of algorithms) {
        const { headers } = await echoOf(system, '/all', bearer(mint(key(alg), { sub: `who-${alg}` })))
        assert.equal(headers['x-consumer-name'], `who-${alg}`)
      }
    })

    await t.test('no token is 401 with a challenge; another scheme is no token', async () => {
      assert.deepEqual(await challengeOf('/all', undefined), [401, 'policy.unauthenticated', realm])
      assert.deepEqual(await challengeOf('/all', 'Basic eDp5'), [401, 'policy.unauthenticated', realm])
      assert.deepEqual(await challengeOf('/all', 'Bearer'), invalid)
      assert.deepEqual(await challengeOf('/all', 'Bearer not.a.token'), invalid)
    })

    await t.test('a token with changed claims, a changed signature or an unknown key is refused', async () => {
      const good = token()
      const stranger = makeKey('ES256', key('ES256').kid)
      for (const bad of [withOtherClaims(good, { sub: 'admin' }), withBrokenSignature(good), mint(stranger, { sub: 'alice' }), token({}, { kid: 'nobody' }), `${good}x`, good.slice(0, -2)]) {
        assert.deepEqual(await challengeOf('/all', `Bearer ${bad}`), invalid)
      }
      assert.equal((await ask(system, '/all', bearer(good))).status, 200)
    })

    await t.test('a token chooses no algorithm: not none, not a public key as a secret, not one of its own', async () => {
      const rs = key('RS256')
      const unsigned = ['none', 'None', 'NONE', ''].map((alg) => mintUnsigned({ sub: 'admin' }, { alg, kid: rs.kid }))
      for (const bad of [...unsigned, mintWithPublicKey(rs, { sub: 'admin' }), mint(rs, { sub: 'admin' }, { alg: 'PS256' }), mint(rs, { sub: 'admin' }, { alg: 'RS512' })]) {
        assert.deepEqual(await challengeOf('/all', `Bearer ${bad}`), invalid)
        assert.deepEqual(await challengeOf('/rsa-only', `Bearer ${bad}`), invalid)
      }
      assert.deepEqual(await challengeOf('/rsa-only', `Bearer ${mint(key('HS256'), { sub: 'alice' }, { kid: rs.kid })}`), invalid)
      assert.equal((await ask(system, '/rsa-only', bearer(mint(rs, { sub: 'alice' })))).status, 200)
    })

    await t.test('exp, nbf, iat, iss and aud are held against the rules', async () => {
      const right = { iss: 'https://id.test', aud: ['other', 'api'] }
      assert.equal((await ask(system, '/strict', bearer(token(right)))).status, 200)
      const wrong: Claims[] = [{ exp: secondsFromNow(-1) }, { nbf: secondsFromNow(60) }, { iat: secondsFromNow(60) }, { iss: 'https://id.test/' }, { iss: undefined }, { aud: 'ap' }, { aud: [] }, { aud: undefined }]
      for (const claims of wrong) assert.deepEqual(await challengeOf('/strict', `Bearer ${token({ ...right, ...claims })}`), invalid, JSON.stringify(claims))
    })

    await t.test('clocks may differ by the leeway', async () => {
      assert.equal((await ask(system, '/lenient', bearer(token({ exp: secondsFromNow(-10), nbf: secondsFromNow(10) })))).status, 200)
      assert.deepEqual(await challengeOf('/lenient', `Bearer ${token({ exp: secondsFromNow(-31) })}`), invalid)
    })

    await t.test('a token that was good is refused once it has expired, though it is remembered', async () => {
      const exp = secondsFromNow(3)
      const brief = token({ iss: 'https://id.test', aud: 'api', exp })
      const { url } = system.edges[0]!
      assert.equal((await fetchOnce(`${url}/strict`, bearer(brief))).status, 200)
      await waitUntil(async () => (await fetchOnce(`${url}/strict`, bearer(brief))).status === 401, { what: 'the token to expire' })
      assert.ok(Date.now() >= exp * 1000, 'not before its time')
    })

    await t.test('a scope that is missing is 403 and named; claims that are required are 401', async () => {
      assert.equal((await ask(system, '/scoped', bearer(token({ scope: 'write other read' })))).status, 200)
      assert.deepEqual(await challengeOf('/scoped', `Bearer ${token({ scope: 'read' })}`), [403, 'policy.insufficient_scope', `${realm}, error="insufficient_scope", scope="read write"`])
      assert.equal((await ask(system, '/claims', bearer(token({ tier: 'gold', roles: ['viewer', 'editor'] })))).status, 200)
      for (const claims of [{ tier: 'gold' }, { tier: 'silver', roles: ['editor'] }]) assert.deepEqual(await challengeOf('/claims', `Bearer ${token(claims)}`), invalid)
    })

    await t.test('another claim may name the consumer, and the token need not reach the upstream', async () => {
      const { headers } = await echoOf(system, '/named', bearer(token({ client_id: 'app-7' })))
      assert.deepEqual([headers['x-consumer-name'], headers['authorization']], ['app-7', undefined])
      assert.deepEqual(await challengeOf('/named', `Bearer ${token()}`), invalid)
    })
  },
}
