// AD1, AD3 (revisions, diff, rollback; nothing invalid reaches an edge)
import assert from 'node:assert/strict'
import { fetchOnce } from '@sluice/testkit'
import { bodyOf, named } from '../actors/ask.ts'
import type { Case } from './case.ts'

interface Problem {
  readonly pointer: string
  readonly message: string
}

const answering = (body: string) => ({ match: { path: '/written' }, policies: [{ 'fixed-response': { body } }] })

export const configWrites: Case = {
  name: 'the admin API changes the configuration safely',
  async run(system, t) {
    await system.apply({ routes: [named('written', { path: '/written' }), named('other', { path: '/other' })], upstreams: { spare: { endpoints: [{ url: 'http://127.0.0.1:9' }] } } })
    const head = async () => (await system.admin('GET', '/v1/status')).json<{ head: { revision: number } }>().head.revision
    const put = (body: object, headers: Record<string, string> = {}) => system.admin('PUT', '/v1/routes/written?wait=all', body, { headers })

    await t.test('it is opened by the token alone; only its description is open', async () => {
      for (const authorization of ['', 'Bearer wrong', `Basic ${system.adminToken}`]) {
        const { status, headers } = await fetchOnce(`${system.adminUrl}/v1/routes`, { headers: authorization === '' ? {} : { authorization } })
        assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer realm="sluice admin"'], authorization)
      }
      const described = await fetchOnce(`${system.adminUrl}/openapi.json`)
      assert.equal(described.status, 200)
      const { paths, openapi } = described.json<{ openapi: string; paths: Record<string, unknown> }>()
      assert.match(openapi, /^3\.1/)
      for (const path of ['/v1/routes/{name}', '/v1/config', '/v1/revisions', '/v1/usage']) assert.ok(path in paths, path)
    })

    await t.test('every problem of an invalid configuration is told at once, and what runs stays', async () => {
      const before = await head()
      const bad = { routes: [{ name: 'a', match: { path: 'no-slash' }, upstream: 'nobody' }, { name: 'b', match: { path: '/b' }, polices: [] }], upstreams: { u: { endpoints: [{ url: 'ftp://x' }] } }, policies: [{ 'rate-limits': {} }, { compress: {} }] }
      const { status, headers, body } = await system.admin('PUT', '/v1/config?wait=all', system.complete(bad))
      assert.equal(status, 400, body)
      assert.match(headers['content-type'] ?? '', /^application\/problem\+json/)
      const { problems, reason } = JSON.parse(body) as { reason: string; problems: Problem[] }
      assert.equal(reason, 'config.invalid')
      const pointers = problems.map((problem) => problem.pointer)
      for (const expected of ['/routes/0/match/path', '/routes/0/upstream', '/routes/1/polices', '/upstreams/u/endpoints/0/url', '/policies/0/rate-limits', '/policies/1/compress']) assert.ok(pointers.includes(expected), `${expected} in ${pointers.join(', ')}`)
      assert.match(problems.find(({ pointer }) => pointer === '/policies/0/rate-limits')!.message, /rate-limit/)
      assert.match(problems.find(({ pointer }) => pointer === '/policies/1/compress')!.message, /not built yet/)
      assert.equal(await head(), before)
      assert.equal(await bodyOf(system, '/written'), 'written')
    })

    await t.test('a single resource is created, replaced and deleted, and each is in force once answered', async () => {
      const made = await system.admin('PUT', '/v1/routes/single?wait=all', { match: { path: '/single' }, policies: [{ 'fixed-response': { body: 'one' } }] })
      assert.equal(made.status, 201, made.body)
      assert.equal(await bodyOf(system, '/single'), 'one')
      const again = await system.admin('PUT', '/v1/routes/single?wait=all', { match: { path: '/single' }, policies: [{ 'fixed-response': { body: 'two' } }] })
      assert.equal(again.status, 200)
      assert.equal(await bodyOf(system, '/single'), 'two')
      assert.equal((await system.admin('POST', '/v1/routes', { name: 'single', match: { path: '/x' }, policies: [{ 'fixed-response': {} }] })).status, 409)
      assert.equal((await system.admin('DELETE', '/v1/routes/single?wait=all')).status, 200)
      assert.equal((await fetchOnce(`${system.edges[0]!.url}/single`)).status, 404)
      assert.equal((await system.admin('DELETE', '/v1/routes/single')).status, 404)
    })

    await t.test('what others lead to cannot be taken away', async () => {
      assert.equal((await system.admin('PUT', '/v1/routes/leading?wait=all', { match: { path: '/leading' }, upstream: 'spare' })).status, 201)
      const refused = await system.admin('DELETE', '/v1/upstreams/spare')
      assert.deepEqual([refused.status, refused.json<{ reason: string }>().reason], [409, 'config.reference_in_use'])
      assert.match(refused.body, /routes\/leading/)
    })

    await t.test('lists come in pages', async () => {
      const names: string[] = []
      for (let next: string | null = ''; next !== null; ) {
        const page: { items: { name: string }[]; next: string | null } = (await system.admin('GET', `/v1/routes?limit=1${next === '' ? '' : `&cursor=${next}`}`)).json()
        names.push(...page.items.map((item) => item.name))
        next = page.next
      }
      assert.deepEqual(names, ['leading', 'other', 'written'])
    })

    await t.test('a change made from an older revision is refused when another one touched the same, and made on the head otherwise', async () => {
      const seen = (await system.admin('GET', '/v1/routes/written')).headers.etag!
      assert.equal((await system.admin('PUT', '/v1/routes/other?wait=all', named('other', { path: '/other/changed' }))).status, 200)
      assert.equal((await put(answering('from an older one'), { 'if-match': seen })).status, 200)
      const refused = await put(answering('too late'), { 'if-match': seen })
      const { reason, conflicts } = refused.json<{ reason: string; conflicts: string[] }>()
      assert.deepEqual([refused.status, reason, conflicts], [412, 'config.revision_conflict', ['routes/written']])
      assert.equal(await bodyOf(system, '/written'), 'from an older one')
    })

    await t.test('revisions are listed and compared, and any of them can be gone back to', async () => {
      assert.equal((await put(answering('before'))).status, 200)
      const old = await head()
      assert.equal((await put(answering('after'))).status, 200)
      const { items } = (await system.admin('GET', '/v1/revisions?limit=2')).json<{ items: { revision: number; origin: string; note: string; author: string }[] }>()
      assert.deepEqual(items.map(({ revision, origin, note, author }) => [revision, origin, note, author]), [[old + 1, 'api', 'PUT routes/written', 'admin'], [old, 'api', 'PUT routes/written', 'admin']])
      const { differences } = (await system.admin('GET', `/v1/revisions/${old + 1}/diff`)).json<{ differences: unknown[] }>()
      assert.deepEqual(differences, [{ resource: 'routes/written', change: 'changed', settings: [{ pointer: '/policies/0/fixed-response/body', before: 'before', after: 'after' }] }])
      const back = await system.admin('POST', `/v1/revisions/${old}/rollback?wait=all`)
      assert.equal(back.status, 200, back.body)
      assert.equal(back.json<{ revision: number }>().revision, old + 2)
      assert.equal(await bodyOf(system, '/written'), 'before')
    })

    await t.test('what is read out can be written back and changes nothing', async () => {
      // The group went with a configuration that no longer has it; the consumer, which is auth's, stayed.
      await system.apply({ groups: [{ name: 'passing' }], consumers: [{ name: 'written-member', groups: ['passing'] }] })
      await system.apply({ routes: [named('written', { path: '/written' }), named('other', { path: '/other' })] })
      const { body } = await system.admin('GET', '/v1/config')
      const before = await head()
      const written = await system.admin('PUT', '/v1/config?wait=all', JSON.parse(body))
      assert.deepEqual([written.status, written.json<{ revision: number }>().revision], [200, before], written.body)
      const tried = await system.admin('PUT', '/v1/config?dryRun=true', { ...(JSON.parse(body) as object), routes: [] })
      const { differences } = tried.json<{ differences: { resource: string; change: string }[] }>()
      assert.deepEqual(differences.map(({ resource, change }) => `${change} ${resource}`).sort(), ['removed routes/other', 'removed routes/written'])
      assert.equal(await head(), before, 'a dry run changes nothing')
    })
  },
}
