// AU6 (any, anonymous, policies of groups), AU7 (groups, conditions over claims, what reaches the upstream), AU8
import assert from 'node:assert/strict'
import { echo, startUpstream } from '@sluice/testkit'
import { ask, echoOf, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { makeKey, mint } from '../actors/signing-keys.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

export const identityChoice: Case = {
  name: 'several ways to say who is calling, and groups that may',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    const key = makeKey('ES256')
    const jwt = { jwt: { keys: [key.configured] } }
    const either = { any: { methods: [jwt, { 'key-auth': {} }] } }
    const route = (name: string, ...policies: object[]) => ({ name, match: { path: `/${name}` }, upstream: 'echo', policies })
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      groups: [{ name: 'gold', policies: [{ 'response-transform': { headers: { set: { 'x-plan': 'gold' } } } }] }, { name: 'blocked' }],
      consumers: [{ name: 'choice-jane', groups: ['gold'], credentials: [{ jwtSubject: 'jane@id.test' }] }],
      routes: [
        route('either', either),
        route('both', jwt, { 'key-auth': {} }),
        route('open', { any: { methods: [jwt, { 'key-auth': {} }], anonymous: 'guest' } }),
        route('gold', either, { acl: { allow: { groups: ['gold'] } } }),
        { ...route('tenant', jwt, { acl: { allow: { when: 'claims.tenant == parameters.tenant and ("editor" in claims.roles or claims.level >= 3)' } } }), match: { path: '/tenant/{tenant}' } },
        route('not-blocked', either, { acl: { deny: { groups: ['blocked'] } } }),
      ],
    })
    await makeConsumer(system, 'choice-gold', { groups: ['gold'] })
    await makeConsumer(system, 'choice-plain')
    const [gold, plain] = [await makeKeyOf(system, 'choice-gold'), await makeKeyOf(system, 'choice-plain')]
    const token = mint(key, { sub: 'nobody-special' })
    // Configurations of later cases do not have these groups.
    t.after(() => Promise.all(['choice-jane', 'choice-gold', 'choice-plain'].map((name) => system.admin('DELETE', `/v1/consumers/${name}`))).then(() => undefined))

    await t.test('any of several methods is enough', async () => {
      assert.equal((await echoOf(system, '/either', bearer(token))).headers['x-consumer-name'], 'nobody-special')
      assert.equal((await echoOf(system, '/either', withKey(plain.key))).headers['x-consumer-name'], 'choice-plain')
      assert.equal((await refusalOf(system, '/either')).status, 401)
    })

    await t.test('several policies on a route must all pass', async () => {
      assert.equal((await refusalOf(system, '/both', bearer(token))).status, 401)
      assert.equal((await refusalOf(system, '/both', withKey(plain.key))).status, 401)
      assert.equal((await ask(system, '/both', { headers: { ...bearer(token).headers, ...withKey(plain.key).headers } })).status, 200)
    })

    await t.test('nobody is the anonymous consumer where that is said; a bad credential is still refused', async () => {
      assert.equal((await echoOf(system, '/open')).headers['x-consumer-name'], 'guest')
      assert.equal((await refusalOf(system, '/open', bearer(`${token}x`))).status, 401)
      assert.equal((await refusalOf(system, '/open', withKey('sk_no_body'))).status, 401)
    })

    await t.test('a group decides, and a token belongs to the consumer that has its subject', async () => {
      const { headers } = await echoOf(system, '/gold', withKey(gold.key))
      assert.deepEqual([headers['x-consumer-name'], headers['x-consumer-groups']], ['choice-gold', 'gold'])
      assert.equal((await echoOf(system, '/gold', bearer(mint(key, { sub: 'jane@id.test' })))).headers['x-consumer-name'], 'choice-jane')
      const refused = await refusalOf(system, '/gold', withKey(plain.key))
      assert.deepEqual([refused.status, refused.reason], [403, 'policy.forbidden'])
      assert.equal((await refusalOf(system, '/gold', bearer(token))).status, 403)
    })

    await t.test('policies of a group run for its members, whatever the route', async () => {
      assert.equal((await ask(system, '/either', withKey(gold.key))).headers['x-plan'], 'gold')
      assert.equal((await ask(system, '/either', withKey(plain.key))).headers['x-plan'], undefined)
    })

    await t.test('a condition over claims and the path decides', async () => {
      const statusOf = async (path: string, claims: object) => (await ask(system, path, bearer(mint(key, { sub: 'x', ...claims })))).status
      assert.equal(await statusOf('/tenant/a', { tenant: 'a', roles: ['editor'] }), 200)
      assert.equal(await statusOf('/tenant/a', { tenant: 'a', level: 3 }), 200)
      for (const claims of [{ tenant: 'b', roles: ['editor'] }, { tenant: 'a', roles: ['reader'], level: 2 }, { tenant: 'a', level: '3' }, {}]) assert.equal(await statusOf('/tenant/a', claims), 403, JSON.stringify(claims))
    })

    await t.test("a change of a consumer's groups counts as soon as it is answered", async () => {
      assert.equal((await ask(system, '/not-blocked', withKey(plain.key))).status, 200)
      await makeConsumer(system, 'choice-plain', { groups: ['blocked', 'gold'] })
      assert.equal((await refusalOf(system, '/not-blocked', withKey(plain.key))).status, 403)
      assert.equal((await ask(system, '/gold', withKey(plain.key))).status, 200)
      await makeConsumer(system, 'choice-plain', { groups: [] })
      assert.equal((await ask(system, '/not-blocked', withKey(plain.key))).status, 200)
    })

    await t.test('what a client says of its identity never reaches the upstream', async () => {
      const { headers } = await echoOf(system, '/either', { headers: { ...bearer(token).headers, 'x-consumer-name': 'admin', 'x-consumer-groups': 'gold', 'x-credential-id': 'k1' } })
      assert.deepEqual([headers['x-consumer-name'], headers['x-consumer-groups'], headers['x-credential-id']], ['nobody-special', undefined, undefined])
    })
  },
}
