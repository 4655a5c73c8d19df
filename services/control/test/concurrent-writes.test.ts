import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeSurroundings, route, startControl, upstream } from './control-under-test.ts'

interface Conflict {
  readonly reason: string
  readonly conflicts: readonly string[]
  readonly head: number
}

test('a change based on an older revision is made on the head when nothing that it touches has changed', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream(1))
  await control.json('PUT', '/v1/upstreams/orders', upstream(2))
  const rebased = await control.call('PUT', '/v1/upstreams/users', upstream(9), { 'if-match': '"2"' })
  assert.deepEqual([rebased.status, rebased.json()], [200, { revision: 4 }])
  assert.deepEqual((await control.json<{ items: unknown[] }>('GET', '/v1/upstreams')).items.length, 2)
})

test('a change of what has changed meanwhile is refused, and what has changed is named', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream(1))
  await control.json('PUT', '/v1/upstreams/users', upstream(2))
  const refused = await control.call('PUT', '/v1/upstreams/users', upstream(3), { 'if-match': '"2"' })
  assert.equal(refused.status, 412)
  const { reason, conflicts, head } = refused.json<Conflict>()
  assert.deepEqual([reason, conflicts, head], ['config.revision_conflict', ['upstreams/users'], 3])
})

test('what was changed and changed back is no conflict', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream(1))
  await control.json('PUT', '/v1/upstreams/users', upstream(2))
  await control.json('PUT', '/v1/upstreams/users', upstream(1))
  assert.equal((await control.call('PUT', '/v1/upstreams/users', upstream(3), { 'if-match': '2' })).status, 200)
})

test('the whole configuration is replaced only when none of it has changed', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.json('PUT', '/v1/upstreams/users', upstream(1))
  await control.json('PUT', '/v1/policies/request-id', { 'request-id': {} })
  const refused = await control.call('PUT', '/v1/config', { version: 1 }, { 'if-match': '"2"' })
  assert.deepEqual([refused.status, refused.json<Conflict>().conflicts], [412, ['policies/request-id']])
  assert.equal((await control.call('PUT', '/v1/config', { version: 1 }, { 'if-match': '"3"' })).status, 200)
})

test('a revision that does not exist, and something that is no revision, cannot be matched', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  assert.equal((await control.call('PUT', '/v1/upstreams/users', upstream(1), { 'if-match': '"99"' })).status, 412)
  assert.equal((await control.call('PUT', '/v1/upstreams/users', upstream(1), { 'if-match': 'yesterday' })).status, 400)
})

test('many writers at two controls make one line of revisions, each its own', async (context) => {
  const surroundings = await makeSurroundings(context)
  const controls = [await startControl(context, surroundings), await startControl(context, surroundings)]
  const before = await controls[0]!.json<{ head: { revision: number } }>('GET', '/v1/status')
  await controls[0]!.json('PUT', '/v1/upstreams/users', upstream())
  const writes = Array.from({ length: 24 }, (_, index) => controls[index % 2]!.call('POST', '/v1/routes', route(`r${index}`)))
  const answers = await Promise.all(writes)
  const revisions = answers.map((answer) => answer.json<{ revision: number }>().revision).sort((a, b) => a - b)
  const first = before.head.revision + 2
  assert.deepEqual(revisions, Array.from({ length: 24 }, (_, index) => first + index))
  assert.equal((await controls[1]!.json<{ items: unknown[] }>('GET', '/v1/routes')).items.length, 24)
})

test('a control that begins with nothing does not take the place of what another one commits meanwhile', async (context) => {
  const surroundings = await makeSurroundings(context)
  let isFirst = true
  const store = new Proxy(surroundings.store, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (typeof value !== 'function') return value
      if (key !== 'write') return value.bind(target)
      return async (commit: Parameters<typeof target.commit>[0]) => {
        if (isFirst) {
          isFirst = false
          const other = await startControl(context, { ...surroundings, log: [] })
          await other.json('PUT', '/v1/upstreams/users', upstream())
        }
        return target.write!(commit)
      }
    },
  })
  const control = await startControl(context, { ...surroundings, store })
  assert.equal((await control.json<{ items: unknown[] }>('GET', '/v1/upstreams')).items.length, 1)
})
