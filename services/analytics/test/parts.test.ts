import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { waitUntil } from '@sluice/testkit'
import { partOfEdge } from '../src/parts/part.ts'
import { hour, openStore, startAnalytics } from './analytics-harness.ts'

/** Two instances with a store each on one bus, and an edge of each part. */
async function startTwo(t: TestContext) {
  const bus = (await busNamed('local').load()).createLocalBus()
  t.after(() => bus.drain(100))
  const stores = [await openStore(t), await openStore(t)] as const
  const start = (index: 1 | 2) => startAnalytics(t, stores[index - 1]!, { bus, part: { index, of: 2 } })
  const names = Array.from({ length: 50 }, (_, index) => `edge-${index}`)
  const edges = [1, 2].map((part) => names.find((name) => partOfEdge(name, 2) === part)!) as [string, string]
  return { bus, stores, start, edges, first: await start(1), second: await start(2) }
}

suite('several instances of analytics', () => {
  test('each takes its edges, and what each of them is asked is answered over all', async (t) => {
    const { first, second, stores, edges } = await startTwo(t)
    const routes = (route: string, requests: number) => [{ hourMs: hour, consumer: 'acme', route, status: 200, requests, bytesIn: 1, bytesOut: 1 }]
    for (const edge of edges) assert.deepEqual([await first.send(1, { edge }), await first.send(1, { edge })], [1, 1])
    assert.equal(await second.send(2, { edge: edges[0], counts: routes('orders', 5), lastAtMs: hour + 9 }), 2)
    assert.equal(await second.send(2, { edge: edges[1], counts: routes('orders', 2), lastAtMs: hour + 7 }), 2)
    for (const one of [first, second]) {
      const { items, watermarkMs } = await one.usage()
      assert.deepEqual(items.map(({ consumer, requests, refused }) => [consumer, requests, refused]), [['acme', 9, 2]])
      assert.equal(watermarkMs, hour + 7)
      assert.deepEqual((await one.topRoutes({ limit: 1 })).items.map(({ route, requests }) => [route, requests]), [['orders', 7]])
    }
    const known = await Promise.all(stores.map((store) => Promise.all(edges.map((edge) => store.storedSequence('default', edge, 'boot-1')))))
    assert.deepEqual(known, [[2, 0], [0, 2]], 'each batch lies in one store')
  })

  test('while one is away its edges wait and sums are refused; a batch that is sent again to it counts once', async (t) => {
    const { first, second, stores, edges, start } = await startTwo(t)
    await Promise.all(edges.map((edge) => first.send(1, { edge })))
    await second.service.stop({ deadlineMs: 500 })
    await assert.rejects(first.usage(), { code: 'dependency.analytics_unreachable', detail: /analytics 2 of 2 does not answer/ })
    await assert.rejects(first.send(1, { edge: edges[1] }), { code: 'dependency.timeout' })
    assert.equal(await first.send(2, { edge: edges[0] }), 2)
    assert.equal(await stores[0].storedSequence('default', edges[1], 'boot-1'), 0)
    const again = await start(2)
    assert.equal(await again.send(1, { edge: edges[1] }), 1)
    assert.deepEqual((await again.usage()).items.map(({ requests }) => requests), [3])
  })

  test('a second one of the same part takes nothing in and says why, until the first is gone', async (t) => {
    const { bus, second, edges } = await startTwo(t)
    const store = await openStore(t)
    const twin = await startAnalytics(t, store, { bus, part: { index: 2, of: 2 } })
    assert.equal(twin.service.health().ready, false)
    assert.match(twin.service.health().reasons.join(), /another analytics has part 2 of 2.*SLUICE_ANALYTICS_PART/)
    for (let sequence = 1; sequence <= 6; sequence++) await second.send(sequence, { edge: edges[1] })
    assert.equal(await store.storedSequence('default', edges[1], 'boot-1'), 0)
    await second.service.stop({ deadlineMs: 500 })
    await waitUntil(() => twin.service.health().ready, { what: 'the other to take the part' })
  })
})
