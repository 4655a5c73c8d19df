// CO1, RT9, SE1: what the edge answers by itself
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { answer as answering, resetConnection, startUpstream } from '@sluice/testkit'
import { ask, bodyOf, refusalOf } from '../actors/ask.ts'
import { from } from '../actors/limited-requests.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const app = 'https://app.example.com'
const sub = 'https://a.b.example.org'
const stranger = 'https://example.net'

/** Where control reads files of the configuration from: beside the config file, or its data directory. */
const configFolder = ({ mode, directory }: System) => (mode === 'embedded' ? directory : join(directory, 'control'))

export const edgeAnswers: Case = {
  name: 'origins, redirects and addresses are decided at the edge',
  async run(system, t) {
    const upstream = await startUpstream(t, answering(200, 'read me', { 'access-control-allow-origin': '*', 'x-total': '7' }))
    const dropped = join(configFolder(system), 'drop.txt')
    await writeFile(dropped, '# addresses to drop\n203.0.113.0/28 ; some\n2001:db8:bad::/48\n')
    const cors = { cors: { origins: [app, 'https://*.example.org'], credentials: true, exposedHeaders: ['X-Total'], privateNetwork: true } }
    const config = {
      trustedProxies: ['127.0.0.1'],
      upstreams: { main: { endpoints: [{ url: upstream.url }], retries: { attempts: 1 } } },
      routes: [
        { name: 'shared', match: { path: '/shared', methods: ['GET', 'PUT'] }, upstream: 'main', policies: [cors] },
        { name: 'shared-limited', match: { path: '/shared-limited' }, policies: [cors, { 'rate-limit': { limit: 1, windowSeconds: 36_000, key: 'ip', failure: 'closed' } }, { 'key-auth': {} }, { 'fixed-response': {} }] },
        { name: 'public', match: { path: '/public' }, upstream: 'main', policies: [{ cors: { origins: ['*'] } }] },
        { name: 'moved', match: { path: '/moved/{rest*}' }, policies: [{ redirect: { to: '/new/{rest}?by=redirect', status: 301 } }] },
        { name: 'secure', match: { path: '/secure/{rest*}' }, policies: [{ redirect: { to: 'https://{request:host}{request:target}', status: 308 } }, { 'fixed-response': { body: 'came by https' } }] },
        { name: 'mock', match: { path: '/mock' }, policies: [{ 'fixed-response': { status: 418, headers: { 'content-type': 'application/json' }, body: '{"tea":true}' } }] },
        { name: 'listed', match: { path: '/listed' }, policies: [{ 'ip-restriction': { deny: ['192.0.2.0/24'], files: [system.mode === 'embedded' ? dropped : 'drop.txt'] } }, { 'fixed-response': { body: 'let in' } }] },
        { name: 'office', match: { path: '/office' }, policies: [{ 'ip-restriction': { allow: ['198.51.100.0/24', '2001:db8:1::/48'], deny: ['198.51.100.9'] } }, { 'fixed-response': { body: 'let in' } }] },
      ],
    }
    await system.apply(config)
    const corsFields = (headers: Readonly<Record<string, string | string[] | undefined>>) => [headers['access-control-allow-origin'], headers['access-control-allow-credentials']]

    await t.test('a preflight is answered without asking the upstream, for a day, and only to origins that may', async () => {
      const before = upstream.requests.length
      for (const [origin, isAllowed] of [[app, true], [sub, true], [stranger, false], ['https://example.org', false], ['http://app.example.com', false]] as const) {
        const { status, headers } = await ask(system, '/shared', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a, x-b', 'access-control-request-private-network': 'true' } })
        assert.equal(status, 204)
        assert.deepEqual(corsFields(headers), isAllowed ? [origin, 'true'] : [undefined, undefined], origin)
        assert.match(String(headers['vary']), /\bOrigin\b/)
        assert.deepEqual(
          ['max-age', 'allow-methods', 'allow-headers', 'allow-private-network'].map((name) => headers[`access-control-${name}`]),
          isAllowed ? ['86400', 'GET, PUT', 'x-a, x-b', 'true'] : [undefined, undefined, undefined, undefined],
        )
      }
      assert.equal(upstream.requests.length, before)
    })

    await t.test('a response, an error of the upstream, a 401 and a 429 can be read by the origins that may', async () => {
      const read = await ask(system, '/shared', { headers: { origin: app } })
      assert.deepEqual([read.body, ...corsFields(read.headers), read.headers['access-control-expose-headers']], ['read me', app, 'true', 'X-Total'])
      assert.deepEqual(corsFields((await ask(system, '/shared', { headers: { origin: stranger } })).headers), [undefined, undefined], 'what the upstream says of it is replaced')
      assert.deepEqual(corsFields((await ask(system, '/public', { headers: { origin: stranger } })).headers), ['*', undefined])
      upstream.does(resetConnection())
      const failed = await refusalOf(system, '/shared', { headers: { origin: app } })
      assert.deepEqual([failed.status, ...corsFields(failed.answer.headers)], [502, app, 'true'])
      upstream.does(answering(200, 'read me'))
      const headers = { origin: app, ...from('198.51.100.77') }
      const statuses = new Set<number>()
      // One edge alone: the first spends the limit, and all of them say who may read them.
      for (let index = 0; index < 3; index++) {
        const { status, answer } = await refusalOf({ ...system, edges: system.edges.slice(0, 1) }, '/shared-limited', { headers })
        statuses.add(status)
        assert.deepEqual(corsFields(answer.headers), [app, 'true'], String(status))
      }
      assert.ok(statuses.has(429) && statuses.has(401), [...statuses].join())
    })

    await t.test('any origin together with credentials is refused when the configuration is checked', async () => {
      const { status, body } = await system.admin('PUT', '/v1/routes/open-to-all', { match: { path: '/open' }, policies: [{ cors: { origins: ['*'], credentials: true } }, { 'fixed-response': {} }] })
      assert.equal(status, 400)
      assert.match(body, /any site could act as its visitors/)
    })

    await t.test('a client is sent elsewhere, from http to https, or answered', async () => {
      const moved = await ask(system, '/moved/a/b%20c?x=1')
      assert.deepEqual([moved.status, moved.headers['location']], [301, '/new/a/b%20c?by=redirect'])
      const host = 'api.example.com:8000'
      const secure = await ask(system, '/secure/a?x=1', { headers: { host } })
      assert.deepEqual([secure.status, secure.headers['location']], [308, 'https://api.example.com/secure/a?x=1'])
      assert.equal(await bodyOf(system, '/secure/a?x=1', { headers: { host, 'x-forwarded-proto': 'https', ...from('198.51.100.1') } }), 'came by https')
      const mock = await ask(system, '/mock', { method: 'POST', body: 'x' })
      assert.deepEqual([mock.status, mock.headers['content-type'], mock.body], [418, 'application/json', '{"tea":true}'])
    })

    await t.test('addresses pass as the lists say, and a list that changed counts once it is applied', async () => {
      const statusOf = async (path: string, address: string) => (await ask(system, path, { headers: from(address) })).status
      for (const [address, expected] of [['198.51.100.1', 200], ['192.0.2.200', 403], ['203.0.113.15', 403], ['203.0.113.16', 200], ['2001:db8:bad::1', 403], ['::ffff:192.0.2.1', 403]] as const) assert.equal(await statusOf('/listed', address), expected, address)
      for (const [address, expected] of [['198.51.100.1', 200], ['198.51.100.9', 403], ['192.0.2.1', 403], ['2001:db8:1::5', 200], ['2001:db8:2::5', 403]] as const) assert.equal(await statusOf('/office', address), expected, address)
      assert.equal((await refusalOf(system, '/office', { headers: from('192.0.2.1') })).reason, 'policy.forbidden')
      await writeFile(dropped, '203.0.113.16\n')
      await system.apply({ ...config, routes: config.routes.filter(({ name }) => name !== 'mock') })
      assert.deepEqual([await statusOf('/listed', '203.0.113.16'), await statusOf('/listed', '203.0.113.15')], [403, 200])
    })
  },
}
