// Many teams, one gateway: `PUT /v1/config?owner=` touches what that owner has, and a dry run tells who made what.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { AuthDouble } from './auth-double.ts'
import { makeSurroundings, route, startControl, upstream, type ControlClient } from './control-under-test.ts'

const owned = (name: string, owner: string, to = 'shared') => ({ ...route(name, to), owner })
const base = {
  version: 1,
  upstreams: { shared: upstream(), 'a-users': { ...upstream(2), owner: 'team-a' } },
  routes: [owned('a-1', 'team-a', 'a-users'), owned('a-2', 'team-a'), owned('b-1', 'team-b'), route('common', 'shared')],
  policies: [{ 'request-id': {} }],
}
const mine = { version: 1, upstreams: { 'a-users': upstream(9) }, routes: [route('a-1', 'a-users'), route('a-3', 'shared')] }

async function controlWith(context: TestContext, config: object): Promise<{ control: ControlClient; auth: AuthDouble }> {
  const surroundings = await makeSurroundings(context)
  const auth = new AuthDouble(surroundings.bus)
  context.after(() => auth.stop())
  const control = await startControl(context, surroundings)
  await control.json('PUT', '/v1/config', config)
  return { control, auth }
}

const ownersOf = async (control: ControlClient) => {
  const { items } = await control.json<{ items: { name: string; owner?: string }[] }>('GET', '/v1/routes')
  return Object.fromEntries(items.map(({ name, owner = '' }) => [name, owner]))
}

interface Refusal {
  readonly reason: string
  readonly detail: string
  readonly problems: { readonly pointer: string; readonly message: string }[]
}

test('an owner’s resources are made, changed and taken away, and nobody else’s are touched', async (context) => {
  const { control } = await controlWith(context, base)
  const before = await control.json<{ policies: unknown; upstreams: Record<string, unknown> }>('GET', '/v1/config?consumers=false')
  await control.json('PUT', '/v1/config?owner=team-a', mine)
  assert.deepEqual(await ownersOf(control), { 'a-1': 'team-a', 'a-3': 'team-a', 'b-1': 'team-b', common: '' })
  const after = await control.json<typeof before>('GET', '/v1/config?consumers=false')
  assert.deepEqual([after.policies, after.upstreams['shared']], [before.policies, before.upstreams['shared']])
  assert.deepEqual(after.upstreams['a-users'], { ...upstream(9), owner: 'team-a' })
})

test('the same again is no revision, whatever others have changed meanwhile', async (context) => {
  const { control } = await controlWith(context, base)
  await control.json('PUT', '/v1/config?owner=team-a', mine)
  const { revision } = await control.json<{ revision: number }>('PUT', '/v1/config?owner=team-b', { version: 1, routes: [route('b-2', 'shared')] })
  assert.deepEqual(await control.json('PUT', '/v1/config?owner=team-a', mine), { revision })
  assert.deepEqual((await control.json<{ differences: unknown[] }>('PUT', '/v1/config?owner=team-a&dryRun=true', mine)).differences, [])
})

test('what another or nobody has is refused by name, and so is what is everybody’s', async (context) => {
  const { control } = await controlWith(context, base)
  const refused = async (config: object) => {
    const answer = await control.call('PUT', '/v1/config?owner=team-a', { version: 1, ...config })
    const { reason, detail } = answer.json<Refusal>()
    return [answer.status, reason, detail]
  }
  assert.deepEqual(await refused({ routes: [route('b-1')] }), [409, 'config.not_owned', '"team-a" does not have routes/b-1 ("team-b" has it)'])
  assert.deepEqual(await refused({ upstreams: { shared: upstream(7) } }), [409, 'config.not_owned', '"team-a" does not have upstreams/shared (nobody has it)'])
  assert.deepEqual(await refused({ routes: [owned('new', 'team-b')] }), [409, 'config.not_owned', '"team-a" does not have routes/new ("team-b" has it)'])
  assert.match(String((await refused({ policies: [] }))[2]), /"policies" is everybody's/)
  assert.deepEqual(await ownersOf(control), { 'a-1': 'team-a', 'a-2': 'team-a', 'b-1': 'team-b', common: '' })
})

test('problems have their place in what was sent; what breaks elsewhere is named', async (context) => {
  const { control } = await controlWith(context, { ...base, routes: [...base.routes, owned('b-2', 'team-b', 'a-users')] })
  const wrong = await control.call('PUT', '/v1/config?owner=team-a', { version: 1, upstreams: { 'a-users': upstream() }, routes: [route('a-1', 'a-users'), { name: 'a-9', match: { path: '/x', method: ['GET'] }, upstream: 'shared' }] })
  assert.equal(wrong.json<Refusal>().problems[0]?.pointer, '/routes/1/match/method')
  const breaking = await control.call('PUT', '/v1/config?owner=team-a', { version: 1, routes: [] })
  assert.equal(breaking.status, 400)
  assert.match(breaking.json<Refusal>().problems.map(({ message }) => message).join('\n'), /routes\/b-2: .*a-users/)
})

test('consumers of a part are the owner’s as well', async (context) => {
  const { control, auth } = await controlWith(context, { ...base, consumers: [{ name: 'theirs', owner: 'team-b' }] })
  const put = (name: string) => control.call('PUT', '/v1/config?owner=team-a', { ...mine, consumers: [{ name }] })
  assert.equal((await put('theirs')).json<Refusal>().reason, 'config.not_owned')
  assert.equal((await put('ours')).status, 200)
  assert.deepEqual([...auth.consumers.keys()], ['theirs', 'ours'])
  assert.equal((await control.json<{ owner: string }>('GET', '/v1/consumers/ours')).owner, 'team-a')
})

test('a dry run tells for each difference which revision made it what it is, and who that was', async (context) => {
  const { control } = await controlWith(context, base)
  await control.json('PUT', '/v1/routes/a-2', owned('a-2', 'team-a', 'a-users'))
  await control.call('DELETE', '/v1/routes/b-1')
  await control.json('PUT', '/v1/routes/extra', route('extra', 'shared'))
  await control.json('PUT', '/v1/upstreams/shared', upstream(5))
  interface Told {
    readonly resource: string
    readonly change: string
    readonly lastChange: { revision: number; author: string; note: string }
  }
  const { differences } = await control.json<{ differences: Told[] }>('PUT', '/v1/config?dryRun=true', base)
  const told = differences.map(({ resource, change, lastChange }) => `${change} ${resource}: ${lastChange.revision} ${lastChange.author} ${lastChange.note}`)
  assert.deepEqual(told, ['changed upstreams/shared: 6 admin PUT upstreams/shared', 'changed routes/a-2: 3 admin PUT routes/a-2', 'added routes/b-1: 4 admin DELETE routes/b-1', 'removed routes/extra: 5 admin PUT routes/extra'])
})
