import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { fetchOnce } from '@sluice/testkit'
import { makeRecords, sampleNames, startSampleUpstream, type SampleName } from './upstreams.ts'

const records = makeRecords()

async function start(t: TestContext, name: SampleName): Promise<string> {
  const upstream = await startSampleUpstream(name, records[name], { host: '127.0.0.1', port: 0 })
  t.after(() => upstream.stop())
  return upstream.url
}

interface Page {
  readonly items: readonly Record<string, unknown>[]
  readonly total: number
  readonly next: number | null
}

test('the sample data is the same at every start', () => {
  assert.deepEqual(makeRecords(), records)
  assert.deepEqual(records.users[41], { id: 42, name: 'Farah Eriksen', email: 'farah.eriksen.42@example.com', country: 'KE', plan: 'gold', createdAt: '2024-12-05T07:27:21.000Z' })
})

test('every order names a user and a product that exist, and its total is right', () => {
  const prices = new Map(records.products.map((product) => [product.id, Number(product['priceCents'])]))
  const users = new Set(records.users.map((user) => user.id))
  for (const order of records.orders) {
    assert.ok(users.has(Number(order['userId'])))
    assert.equal(order['totalCents'], Number(order['quantity']) * prices.get(Number(order['productId']))!)
  }
})

for (const name of sampleNames) {
  test(`all ${name} can be read page by page`, async (t) => {
    const url = await start(t, name)
    const ids: unknown[] = []
    for (let next: number | null = 0; next !== null; ) {
      const page: Page = (await fetchOnce(`${url}/${name}?limit=100&offset=${next}`)).json()
      ids.push(...page.items.map((item) => item['id']))
      next = page.next
    }
    assert.deepEqual(ids, records[name].map((record) => record.id))
  })
}

test('a list can be filtered by any field', async (t) => {
  const url = await start(t, 'orders')
  const page: Page = (await fetchOnce(`${url}/orders?status=returned&quantity=2`)).json()
  assert.ok(page.total > 0)
  assert.ok(page.items.every((order) => order['status'] === 'returned' && order['quantity'] === 2))
})

test('one record is found by its id, and a missing one is 404', async (t) => {
  const url = await start(t, 'users')
  assert.deepEqual((await fetchOnce(`${url}/users/42`)).json(), records.users[41])
  assert.equal((await fetchOnce(`${url}/users/2001`)).status, 404)
  assert.equal((await fetchOnce(`${url}/users/x`)).status, 404)
})

test('health says which service it is', async (t) => {
  const url = await start(t, 'products')
  assert.deepEqual((await fetchOnce(`${url}/health`)).json(), { status: 'ok', service: 'products', records: 1000 })
})

test('bad paging, an unknown field, another method and another path are refused', async (t) => {
  const url = await start(t, 'users')
  const statusOf = async (path: string, method = 'GET') => (await fetchOnce(url + path, { method })).status
  assert.equal(await statusOf('/users?limit=0'), 400)
  assert.equal(await statusOf('/users?offset=-1'), 400)
  assert.equal(await statusOf('/users?colour=red'), 400)
  assert.equal(await statusOf('/users', 'DELETE'), 405)
  assert.equal(await statusOf('/orders'), 404)
})
