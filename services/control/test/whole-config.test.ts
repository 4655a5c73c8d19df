import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { AuthDouble } from './auth-double.ts'
import { makeSurroundings, route, startControl, upstream } from './control-under-test.ts'
import { SimulatedEdge } from './simulated-edge.ts'

async function controlWithAuth(context: TestContext) {
  const surroundings = await makeSurroundings(context)
  const auth = new AuthDouble(surroundings.bus)
  context.after(() => auth.stop())
  return { ...surroundings, auth, control: await startControl(context, surroundings) }
}

const config = { version: 1, upstreams: { users: upstream() }, routes: [route('a')], groups: [{ name: 'gold' }], consumers: [{ name: 'acme', groups: ['gold'], credentials: [{ jwtSubject: 'acme' }] }] }

test('a configuration is put whole, consumers and all, and exported as it was', async (context) => {
  const { control, auth } = await controlWithAuth(context)
  assert.deepEqual(await control.json('PUT', '/v1/config', config), { revision: 2 })
  assert.deepEqual([...auth.consumers.keys()], ['acme'])
  const exported = await control.json('GET', '/v1/config')
  assert.deepEqual(exported, config)
  assert.deepEqual(await control.json('PUT', '/v1/config', exported), { revision: 2 })
  assert.deepEqual(auth.written, ['acme'])
})

test('a configuration is taken and given as YAML', async (context) => {
  const { control } = await controlWithAuth(context)
  const text = 'version: 1\nupstreams:\n  users: { endpoints: [ { url: "http://127.0.0.1:1" } ] }\n'
  assert.equal((await control.call('PUT', '/v1/config', text, { 'content-type': 'application/yaml' })).status, 200)
  const exported = await control.call('GET', '/v1/config', undefined, { accept: 'application/yaml' })
  assert.match(exported.headers['content-type'] ?? '', /yaml/)
  assert.deepEqual(parse(exported.body), { version: 1, upstreams: { users: upstream() } })
  const broken = await control.call('PUT', '/v1/config', 'version: 1\nroutes: [', { 'content-type': 'application/yaml' })
  assert.equal(broken.status, 400)
  assert.match(broken.json<{ detail: string }>().detail, /^line 2, column/)
})

test('a dry run tells every difference and every problem, and changes nothing', async (context) => {
  const { control, auth, store } = await controlWithAuth(context)
  await control.json('PUT', '/v1/config', config)
  const next = { ...config, routes: [route('b')], consumers: [{ ...config.consumers[0], labels: { plan: 'x' } }, { name: 'beta' }] }
  const { differences, revision } = await control.json<{ differences: { resource: string; change: string }[]; revision: number }>('PUT', '/v1/config?dryRun=true', next)
  assert.deepEqual(differences.map(({ resource, change }) => `${change} ${resource}`), ['removed routes/a', 'added routes/b', 'changed consumers/acme', 'added consumers/beta'])
  assert.equal(revision, 2)
  assert.deepEqual((await control.json<{ differences: unknown[] }>('PUT', '/v1/config?dryRun=true', config)).differences, [])
  assert.equal((await control.call('PUT', '/v1/config?dryRun=true', { version: 1, routes: [route('a')] })).status, 400)
  assert.equal((await store.head('default'))?.revision, 2)
  assert.equal(auth.consumers.has('beta'), false)
  const { items } = await control.json<{ items: { action: string }[] }>('GET', '/v1/audit')
  assert.equal(items.length, 1)
})

test('a key that the API made is no difference and stays when its consumer is applied again', async (context) => {
  const { control } = await controlWithAuth(context)
  await control.json('PUT', '/v1/config', config)
  await control.json('POST', '/v1/consumers/acme/credentials', { apiKey: {} })
  assert.deepEqual((await control.json<{ differences: unknown[] }>('PUT', '/v1/config?dryRun=true', config)).differences, [])
  await control.json('PUT', '/v1/config', { ...config, consumers: [{ ...config.consumers[0], labels: { plan: 'x' } }] })
  assert.equal((await control.json<{ credentials: unknown[] }>('GET', '/v1/consumers/acme')).credentials.length, 2)
})

test('the receipt of a configuration with consumers waits for both', async (context) => {
  const { control, bus } = await controlWithAuth(context)
  const edge = await new SimulatedEdge(bus, { name: 'edge-1' }).start()
  context.after(() => edge.stop())
  const late = await control.call('PUT', '/v1/config?wait=all&timeoutMs=300', config)
  assert.deepEqual([late.status, edge.revision], [202, 2])
  edge.credentialVersion = 1
  await edge.report()
  assert.equal((await control.call('PUT', '/v1/config?wait=all', { ...config, routes: [] })).status, 200)
})

test('warnings come with the answer', async (context) => {
  const { control } = await controlWithAuth(context)
  const { warnings } = await control.json<{ warnings: { pointer: string; message: string }[] }>('PUT', '/v1/config', { version: 1, upstreams: { users: upstream() }, routes: [{ ...route('a'), match: { path: '/x' } }, { ...route('b'), match: { path: '/x' } }] })
  assert.deepEqual(warnings.map((warning) => warning.pointer), ['/routes/1/match'])
})

test('a body too large for its route is refused before it is read whole', async (context) => {
  const { control } = await controlWithAuth(context)
  const refused = await control.call('PUT', '/v1/upstreams/users', { labels: { pad: 'x'.repeat(1_100_000) } })
  assert.deepEqual([refused.status, refused.json<{ reason: string }>().reason], [413, 'client.body_too_large'])
  const notJson = await control.call('PUT', '/v1/upstreams/users', '{"endpoints":')
  assert.deepEqual([notJson.status, notJson.json<{ reason: string }>().reason], [400, 'client.bad_request'])
})

test('a configuration that lacks much of what is served is refused unless it is meant so', async (context) => {
  const { control, bus } = await controlWithAuth(context)
  const edge = await new SimulatedEdge(bus, { name: 'edge-1' }).start()
  context.after(() => edge.stop())
  const many = (count: number) => ({ version: 1, upstreams: { users: upstream() }, routes: Array.from({ length: count }, (_, index) => route(`r${index}`)) })
  await control.json('PUT', '/v1/config', many(600))
  assert.equal((await control.call('PUT', '/v1/config', many(490))).status, 200, 'less than a fifth')
  const refused = await control.call('PUT', '/v1/config', many(390))
  assert.deepEqual([refused.status, refused.json<{ reason: string; gone: number }>().reason], [409, 'config.shrinks'])
  assert.match(refused.body, /100 of 490 routes would go/)
  assert.equal((await control.call('PUT', '/v1/config?dryRun=true', many(1))).status, 200)
  const forced = await control.json<{ revision: number }>('PUT', '/v1/config?force=true&wait=all', many(1))
  assert.equal(edge.revision, forced.revision)
  const back = await control.json<{ revision: number }>('POST', `/v1/revisions/${forced.revision - 1}/rollback`)
  assert.equal((await control.call('POST', `/v1/revisions/${forced.revision}/rollback`)).status, 200, `a step back from ${back.revision} is meant`)
})
