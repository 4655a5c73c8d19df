import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuthDouble } from './auth-double.ts'
import { makeSurroundings, route, startControl, upstream } from './control-under-test.ts'

interface Diff {
  readonly from: number
  readonly differences: readonly { resource: string; change: string; settings?: { pointer: string; before?: unknown; after?: unknown }[] }[]
}

test('every change is a revision that tells who made it, when and from where', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream())
  const { items, next } = await control.json<{ items: Record<string, unknown>[]; next: string | null }>('GET', '/v1/revisions')
  assert.deepEqual(items.map(({ revision, author, origin, note }) => [revision, author, origin, note]), [[2, 'admin', 'api', 'PUT upstreams/users'], [1, 'control', 'api', 'empty, to begin with']])
  assert.equal(next, null)
  assert.ok(Math.abs(Date.parse(items[0]?.['committedAt'] as string) - Date.now()) < 60_000)
  const page = await control.json<{ items: { revision: number }[]; next: string }>('GET', '/v1/revisions?limit=1')
  assert.deepEqual([page.items[0]?.revision, page.next], [2, '2'])
  assert.deepEqual((await control.json<{ items: { revision: number }[] }>('GET', `/v1/revisions?limit=1&cursor=${page.next}`)).items[0]?.revision, 1)
})

test('a revision shows what it holds and what it changed', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/config', { version: 1, upstreams: { users: upstream(1), orders: upstream(2) }, routes: [route('a')] })
  await control.json('PUT', '/v1/config', { version: 1, upstreams: { users: upstream(9) }, routes: [route('b'), route('a')] })
  const diff = await control.json<Diff>('GET', '/v1/revisions/3/diff')
  assert.deepEqual(diff, {
    from: 2,
    revision: 3,
    differences: [
      { resource: 'upstreams/orders', change: 'removed' },
      { resource: 'upstreams/users', change: 'changed', settings: [{ pointer: '/endpoints/0/url', before: 'http://127.0.0.1:1', after: 'http://127.0.0.1:9' }] },
      { resource: 'routes/b', change: 'added' },
    ],
  })
  assert.equal((await control.json<Diff>('GET', '/v1/revisions/3/diff?from=0')).differences.length, 3)
  assert.deepEqual((await control.json<{ config: unknown }>('GET', '/v1/revisions/2')).config, { version: 1, upstreams: { users: upstream(1), orders: upstream(2) }, routes: [route('a')] })
  assert.equal((await control.call('GET', '/v1/revisions/77')).status, 404)
})

test('a step back is a new revision with the content of the old one', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream(1))
  await control.json('PUT', '/v1/upstreams/users', upstream(2))
  assert.deepEqual(await control.json('POST', '/v1/revisions/2/rollback'), { revision: 4 })
  assert.deepEqual(await control.json('GET', '/v1/upstreams/users'), { name: 'users', ...upstream(1) })
  const [newest] = (await control.json<{ items: Record<string, unknown>[] }>('GET', '/v1/revisions')).items
  assert.deepEqual([newest?.['origin'], newest?.['note']], ['rollback', 'back to revision 2'])
  assert.equal((await control.call('POST', '/v1/revisions/99/rollback')).status, 404)
})

test('a reference is read anew at each apply, and its value is seen by edges only', async (context) => {
  const surroundings = await makeSurroundings(context)
  const secret = join(surroundings.directory, 'secret.txt')
  await writeFile(secret, 'http://127.0.0.1:4001\n')
  const control = await startControl(context, surroundings)
  const body = { endpoints: [{ url: 'file:secret.txt' }] }
  await control.json('PUT', '/v1/upstreams/users', body)
  await writeFile(secret, 'http://127.0.0.1:4002\n')
  assert.deepEqual(await control.json('PUT', '/v1/upstreams/users', body), { revision: 3 })
  const head = await surroundings.store.read('default', 3)
  assert.match(new TextDecoder().decode(head?.body), /"secrets\/file:secret\.txt","http:\/\/127\.0\.0\.1:4002"\]/)
  for (const path of ['/v1/config?consumers=false', '/v1/upstreams', '/v1/revisions/3', '/v1/revisions/3/diff']) {
    assert.doesNotMatch((await control.call('GET', path)).body, /4002/, path)
  }
  assert.doesNotMatch(surroundings.log.join(''), /4002/)
})

test('a step back keeps the value of a reference that cannot be read any more, and says so', async (context) => {
  const surroundings = await makeSurroundings(context)
  const environment: NodeJS.ProcessEnv = { USERS: 'http://127.0.0.1:4001' }
  const control = await startControl(context, surroundings, { environment })
  await control.json('PUT', '/v1/upstreams/users', { endpoints: [{ url: 'env:USERS' }] })
  await control.json('DELETE', '/v1/upstreams/users?wait=all')
  delete environment['USERS']
  const refused = await control.call('PUT', '/v1/upstreams/users', { endpoints: [{ url: 'env:USERS' }] })
  assert.deepEqual([refused.status, refused.json<{ reason: string }>().reason], [400, 'config.reference_missing'])
  const back = await control.json<{ revision: number; warnings: { pointer: string; message: string }[] }>('POST', '/v1/revisions/2/rollback')
  assert.deepEqual(back.warnings.map((warning) => warning.pointer), ['/upstreams/users/endpoints/0/url'])
  assert.match(new TextDecoder().decode((await surroundings.store.read('default', back.revision))?.body), /127\.0\.0\.1:4001/)
})

test('a reference of another resource that cannot be read now does not stop a change', async (context) => {
  const surroundings = await makeSurroundings(context)
  const environment: NodeJS.ProcessEnv = { USERS: 'http://127.0.0.1:4001' }
  const control = await startControl(context, surroundings, { environment })
  await control.json('PUT', '/v1/upstreams/users', { endpoints: [{ url: 'env:USERS' }] })
  delete environment['USERS']
  assert.equal((await control.call('PUT', '/v1/upstreams/orders', upstream())).status, 201)
})

test('a step back that would leave subscribers without their plan is refused with who they are, unless it is forced', async (context) => {
  const surroundings = await makeSurroundings(context)
  const auth = new AuthDouble(surroundings.bus)
  context.after(() => auth.stop())
  const control = await startControl(context, surroundings)
  await control.json('PUT', '/v1/upstreams/users', upstream(1))
  await control.json('PUT', '/v1/plans/free', { title: 'Free' })
  assert.equal((await control.call('POST', '/v1/revisions/2/rollback')).status, 200)
  await control.json('PUT', '/v1/plans/free', { title: 'Free' })
  await control.json('PUT', '/v1/consumers/acme', { plan: 'free' })
  const refused = await control.call('POST', '/v1/revisions/2/rollback')
  const { reason, detail } = refused.json<{ reason: string; detail: string }>()
  assert.deepEqual([refused.status, reason], [409, 'config.reference_in_use'])
  assert.match(detail, /Revision 2 has not the plan: plans\/free is still needed by consumers\/acme\. "force" goes back/)
  assert.equal((await control.call('POST', '/v1/revisions/3/rollback')).status, 200)
  assert.equal((await control.call('POST', '/v1/revisions/2/rollback?force=true')).status, 200)
  assert.equal((await control.call('GET', '/v1/plans/free')).status, 404)
})
