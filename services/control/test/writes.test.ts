import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeSurroundings, route, startControl, upstream } from './control-under-test.ts'

interface Problem {
  readonly reason: string
  readonly problems: readonly { pointer: string; message: string; nearest?: string }[]
}

test('a resource is created, read, replaced and deleted, each time as a new revision', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  const created = await control.call('PUT', '/v1/upstreams/users', upstream(1))
  assert.deepEqual([created.status, created.json(), created.headers['etag']], [201, { revision: 2 }, '"2"'])
  const replaced = await control.call('PUT', '/v1/upstreams/users', { name: 'users', ...upstream(2) })
  assert.deepEqual([replaced.status, replaced.json()], [200, { revision: 3 }])
  assert.deepEqual(await control.json('GET', '/v1/upstreams/users'), { name: 'users', ...upstream(2) })
  assert.equal((await control.call('DELETE', '/v1/upstreams/users')).status, 204)
  const gone = await control.call('GET', '/v1/upstreams/users')
  assert.deepEqual([gone.status, gone.json<Problem>().reason], [404, 'config.not_found'])
  assert.equal((await control.call('DELETE', '/v1/upstreams/users')).status, 404)
})

test('a list takes new names only', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream())
  const created = await control.call('POST', '/v1/routes', route('get-user'))
  assert.deepEqual([created.status, created.headers['location']], [201, '/v1/routes/get-user'])
  const again = await control.call('POST', '/v1/routes', route('get-user'))
  assert.deepEqual([again.status, again.json<Problem>().reason], [409, 'config.exists'])
  assert.equal((await control.call('POST', '/v1/routes', { match: {}, upstream: 'users' })).status, 400)
})

test('policies for every route go by their name, else by their type', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  assert.equal((await control.call('POST', '/v1/policies', { 'request-id': {} })).status, 201)
  assert.equal((await control.call('PUT', '/v1/policies/hourly', { 'rate-limit': { name: 'hourly', limit: 10 } })).status, 201)
  assert.equal((await control.call('PUT', '/v1/policies/daily', { 'rate-limit': { name: 'hourly', limit: 10 } })).status, 400)
  const { items } = await control.json<{ items: { name: string }[] }>('GET', '/v1/policies')
  assert.deepEqual(items, [{ name: 'hourly', 'rate-limit': { limit: 10, name: 'hourly' } }, { name: 'request-id', 'request-id': {} }])
  assert.equal((await control.call('DELETE', '/v1/policies/hourly')).status, 204)
})

test('a write that changes nothing makes no revision', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream())
  assert.deepEqual(await control.json('PUT', '/v1/upstreams/users', upstream()), { revision: 2 })
  assert.equal((await control.json<{ items: unknown[] }>('GET', '/v1/revisions')).items.length, 2)
})

test('every problem of a resource is told with a pointer into what was sent', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream())
  const refused = await control.call('PUT', '/v1/routes/a', { match: { path: '/a', hots: [] }, upstream: 'user', policies: [{ cors: {} }] })
  assert.equal(refused.status, 400)
  assert.match(refused.headers['content-type'] ?? '', /^application\/problem\+json/)
  const { problems, reason } = refused.json<Problem>()
  assert.equal(reason, 'config.invalid')
  assert.deepEqual(problems.map((problem) => problem.pointer).sort(), ['/match/hots', '/policies/0/cors', '/upstream'])
  assert.equal(problems.find((problem) => problem.pointer === '/upstream')?.nearest, 'users')
  assert.equal((await control.json<{ head: { revision: number } }>('GET', '/v1/status')).head.revision, 2)
})

test('what is not built yet is refused as that', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  const refused = await control.call('PUT', '/v1/policies/compress', { compress: {} })
  assert.deepEqual([refused.status, refused.json<Problem>().reason], [400, 'config.not_built'])
})

test('what another resource leads to is not deleted', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream())
  await control.json('PUT', '/v1/routes/a', route('a'))
  const refused = await control.call('DELETE', '/v1/upstreams/users')
  assert.deepEqual([refused.status, refused.json<{ usedBy: string[] }>().usedBy], [409, ['routes/a']])
})

test('lists come in pages, by name', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  const upstreams = Object.fromEntries(['c', 'a', 'e', 'b', 'd'].map((name) => [name, upstream()]))
  await control.json('PUT', '/v1/config', { version: 1, upstreams })
  const names: string[][] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { items: { name: string }[]; next: string | null } = await control.json('GET', `/v1/upstreams?limit=2${cursor && `&cursor=${cursor}`}`)
    names.push(page.items.map((item) => item.name))
    cursor = page.next
  }
  assert.deepEqual(names, [['a', 'b'], ['c', 'd'], ['e']])
})

test('a parameter that nobody knows is refused, so that a misspelt dry run changes nothing', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  const refused = await control.call('PUT', '/v1/config?dryrun=true', { version: 1, upstreams: { users: upstream() } })
  assert.equal(refused.status, 400)
  assert.equal((await control.json<{ head: { revision: number } }>('GET', '/v1/status')).head.revision, 1)
})
