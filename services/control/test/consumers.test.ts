import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { AuthDouble } from './auth-double.ts'
import { makeSurroundings, startControl } from './control-under-test.ts'
import { SimulatedEdge } from './simulated-edge.ts'

async function controlWithAuth(context: TestContext) {
  const surroundings = await makeSurroundings(context)
  const auth = new AuthDouble(surroundings.bus)
  context.after(() => auth.stop())
  return { ...surroundings, auth, control: await startControl(context, surroundings) }
}

test('a consumer is created, read, replaced and deleted; its version is its own', async (context) => {
  const { control } = await controlWithAuth(context)
  const created = await control.call('PUT', '/v1/consumers/acme', { labels: { plan: 'gold' } })
  assert.deepEqual([created.status, created.json()], [201, { version: 1 }])
  assert.equal((await control.call('PUT', '/v1/consumers/acme', {})).status, 200)
  assert.equal((await control.json<{ name: string }>('GET', '/v1/consumers/acme')).name, 'acme')
  assert.equal((await control.call('POST', '/v1/consumers', { name: 'acme' })).status, 409)
  assert.equal((await control.call('DELETE', '/v1/consumers/acme')).status, 204)
  assert.equal((await control.call('DELETE', '/v1/consumers/acme')).status, 404)
  assert.equal((await control.json<{ head: { revision: number } }>('GET', '/v1/status')).head.revision, 1)
})

test('a key is shown once, kept when its consumer is put again, and revoked', async (context) => {
  const { control } = await controlWithAuth(context)
  await control.json('PUT', '/v1/consumers/acme', {})
  const made = await control.call('POST', '/v1/consumers/acme/credentials', { apiKey: {} })
  const { id, key } = made.json<{ id: string; key: string }>()
  assert.deepEqual([made.status, key], [201, `sk_${id}_secret`])
  await control.json('PUT', '/v1/consumers/acme', { labels: { plan: 'gold' } })
  assert.deepEqual((await control.json<{ credentials: unknown[] }>('GET', '/v1/consumers/acme')).credentials, [{ apiKey: { id } }])
  assert.equal((await control.call('DELETE', `/v1/consumers/acme/credentials/${id}`)).status, 204)
  assert.equal((await control.call('DELETE', `/v1/consumers/acme/credentials/${id}`)).status, 404)
  await control.json('PUT', '/v1/consumers/acme', { credentials: [] })
  assert.deepEqual((await control.json<{ credentials: unknown[] }>('GET', '/v1/consumers/acme')).credentials, [])
})

test('a token subject is added beside what is there', async (context) => {
  const { control } = await controlWithAuth(context)
  await control.json('PUT', '/v1/consumers/acme', { credentials: [{ jwtSubject: 'one' }] })
  await control.json('POST', '/v1/consumers/acme/credentials', { jwtSubject: 'two' })
  assert.deepEqual((await control.json<{ credentials: unknown[] }>('GET', '/v1/consumers/acme')).credentials, [{ jwtSubject: 'one' }, { jwtSubject: 'two' }])
  assert.equal((await control.call('POST', '/v1/consumers/nobody/credentials', { jwtSubject: 'x' })).status, 404)
  assert.equal((await control.call('POST', '/v1/consumers/acme/credentials', { basic: {} })).status, 400)
  assert.equal((await control.call('POST', '/v1/consumers/acme/credentials', { apiKey: { expiresAt: '2001-01-01T00:00:00Z' } })).status, 400)
})

test('a consumer belongs to groups that exist, and a group with consumers stays', async (context) => {
  const { control } = await controlWithAuth(context)
  await control.json('PUT', '/v1/groups/gold', {})
  const refused = await control.call('PUT', '/v1/consumers/acme', { groups: ['gld'] })
  assert.deepEqual([refused.status, refused.json<{ problems: unknown }>().problems], [400, [{ pointer: '/groups/0', message: 'there is no group "gld"; did you mean "gold"?', nearest: 'gold' }]])
  await control.json('PUT', '/v1/consumers/acme', { groups: ['gold'] })
  const kept = await control.call('DELETE', '/v1/groups/gold')
  assert.deepEqual([kept.status, kept.json<{ usedBy: string[] }>().usedBy], [409, ['consumers/acme']])
  await control.json('DELETE', '/v1/consumers/acme?wait=all')
  assert.equal((await control.call('DELETE', '/v1/groups/gold')).status, 204)
})

test('a consumer subscribes to a plan that exists, and a plan with subscribers stays', async (context) => {
  const { control } = await controlWithAuth(context)
  await control.json('PUT', '/v1/plans/free', { quota: { limit: 1000, period: 'day' }, price: { amount: '0', currency: 'EUR', per: 'month' } })
  const refused = await control.call('PUT', '/v1/consumers/acme', { plan: 'fre' })
  assert.deepEqual([refused.status, refused.json<{ problems: unknown }>().problems], [400, [{ pointer: '/plan', message: 'there is no plan "fre"; did you mean "free"?', nearest: 'free' }]])
  await control.json('PUT', '/v1/consumers/acme', { plan: 'free' })
  assert.equal((await control.json<{ plan: string }>('GET', '/v1/consumers/acme')).plan, 'free')
  const kept = await control.call('DELETE', '/v1/plans/free')
  assert.deepEqual([kept.status, kept.json<{ usedBy: string[] }>().usedBy], [409, ['consumers/acme']])
  const leftOut = await control.call('PUT', '/v1/config', { version: 1 })
  assert.deepEqual([leftOut.status, leftOut.json<{ usedBy: string[] }>().usedBy], [409, ['consumers/acme']])
  await control.json('PUT', '/v1/consumers/acme', {})
  assert.equal((await control.call('DELETE', '/v1/plans/free')).status, 204)
})

test('a plan says what it means: its routes exist, its policies take their settings, its price is one', async (context) => {
  const { control } = await controlWithAuth(context)
  const answers = [{ 'key-auth': {} }, { 'fixed-response': {} }]
  for (const name of ['one', 'two']) await control.json('PUT', `/v1/routes/${name}`, { match: { path: `/${name}` }, policies: answers })
  const problems = async (plan: object) => {
    const { status, json } = await control.call('PUT', '/v1/plans/free', plan)
    assert.equal(status, 400)
    return json<{ problems: { pointer: string; message: string }[] }>().problems.map(({ pointer, message }) => `${pointer}: ${message}`)
  }
  assert.deepEqual(await problems({ routes: ['one', 'tow'] }), ['/routes/1: there is no route "tow"; expected "one"'])
  assert.match((await problems({ price: { amount: '1,50', currency: 'EUR', per: 'month' } }))[0]!, /^\/price\/amount: /)
  assert.deepEqual(await problems({ price: { amount: '1.50', currency: 'XYZ', per: 'month' } }), ['/price/currency: there is no currency "XYZ"; expected one of ISO 4217, such as "EUR"'])
  assert.match((await problems({ price: { amount: '1.50', currency: 'EURO', per: 'month' } }))[0]!, /^\/price\/currency: /)
  assert.match((await problems({ quota: { limit: 5 } }))[0]!, /^\/quota\/period: |^\/quota: /)
  assert.match((await problems({ limit: { limit: 5, name: 'mine' } }))[0]!, /^\/limit: /)
  await control.json('PUT', '/v1/plans/free', { routes: ['one'] })
  const needed = await control.call('DELETE', '/v1/routes/one')
  assert.deepEqual([needed.status, needed.json<{ usedBy: string[] }>().usedBy], [409, ['plans/free']])
  assert.equal((await control.call('PUT', '/v1/routes/two', { match: { path: '/three' }, policies: answers })).status, 200)
  assert.equal((await control.call('DELETE', '/v1/routes/two')).status, 204)
})

test('consumers come in pages', async (context) => {
  const { control } = await controlWithAuth(context)
  for (const name of ['c', 'a', 'b']) await control.json('PUT', `/v1/consumers/${name}`, {})
  const first = await control.json<{ items: { name: string }[]; next: string }>('GET', '/v1/consumers?limit=2')
  assert.deepEqual([first.items.map((item) => item.name), first.next], [['a', 'b'], 'b'])
  const second = await control.json<{ items: { name: string }[]; next: string | null }>('GET', '/v1/consumers?limit=2&cursor=b')
  assert.deepEqual([second.items.map((item) => item.name), second.next], [['c'], null])
})

test('a write of credentials is waited for until every edge has forgotten what it knew', async (context) => {
  const { control, bus, auth } = await controlWithAuth(context)
  const edge = await new SimulatedEdge(bus, { name: 'edge-1' }).start()
  context.after(() => edge.stop())
  const late = await control.call('PUT', '/v1/consumers/acme?wait=all&timeoutMs=50', {})
  assert.deepEqual([late.status, late.json()], [202, { version: 1, edges: { acknowledged: 0, expected: 1, missing: ['edge-1'] } }])
  edge.credentialVersion = auth.version + 1
  await edge.report()
  const revoked = await control.call('DELETE', '/v1/consumers/acme?wait=all')
  assert.deepEqual([revoked.status, revoked.json<{ edges: unknown }>().edges], [200, { acknowledged: 1, expected: 1, missing: [] }])
})

test('while auth is away its writes are refused as that, and the configuration goes on', async (context) => {
  const { control, auth } = await controlWithAuth(context)
  auth.stop()
  for (const [method, path, body] of [['PUT', '/v1/consumers/acme', {}], ['GET', '/v1/consumers', undefined], ['DELETE', '/v1/consumers/acme', undefined], ['GET', '/v1/config', undefined]] as const) {
    const answer = await control.call(method, path, body)
    assert.deepEqual([answer.status, answer.json<{ reason: string }>().reason], [503, 'dependency.auth_unreachable'], `${method} ${path}`)
  }
  assert.equal((await control.call('GET', '/v1/config?consumers=false')).status, 200)
  assert.equal((await control.call('PUT', '/v1/policies/request-id', { 'request-id': {} })).status, 201)
  const withConsumers = await control.call('PUT', '/v1/config', { version: 1, consumers: [{ name: 'acme' }] })
  assert.equal(withConsumers.status, 503)
  assert.equal((await control.json<{ head: { revision: number } }>('GET', '/v1/status')).head.revision, 2)
})
