import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { subjects } from '@sluice/proto/subjects'
import { waitUntil } from '@sluice/testkit'
import { hour, openStore, startAnalytics } from './analytics-harness.ts'

suite('analytics over its store', () => {
  test('a batch is answered once it is stored, and counts once however often it is sent', async (t) => {
    const analytics = await startAnalytics(t, await openStore(t))
    assert.deepEqual(await Promise.all([analytics.send(1), analytics.send(2), analytics.send(1)]), [2, 2, 2])
    assert.equal(await analytics.send(2), 2)
    const { items } = await analytics.usage()
    assert.deepEqual(items.map(({ consumer, requests, refused, bytesIn, bytesOut }) => [consumer, requests, refused, bytesIn, bytesOut]), [['acme', 2, 2, 4, 40]])
  })

  test('a batch that came too early does not count as the end of what is complete', async (t) => {
    const analytics = await startAnalytics(t, await openStore(t))
    assert.deepEqual([await analytics.send(1), await analytics.send(3), await analytics.send(2)], [1, 1, 3])
  })

  test('the most requested routes come first', async (t) => {
    const analytics = await startAnalytics(t, await openStore(t))
    const count = { hourMs: hour, consumer: 'acme', status: 200, requests: 5 }
    await analytics.send(1, { counts: [{ ...count, route: 'orders', requests: 9 }, { ...count, route: 'users' }, { ...count, route: 'products', requests: 7 }] })
    assert.deepEqual((await analytics.topRoutes({ limit: 2 })).items.map(({ route, requests }) => `${route} ${requests}`), ['orders 9', 'products 7'])
    assert.equal((await analytics.topRoutes()).items.length, 3)
  })

  test('it is ready once the store has answered', async (t) => {
    const analytics = await startAnalytics(t, await openStore(t))
    assert.deepEqual(analytics.service.health(), { ready: true, reasons: [] })
  })

  test('what makes no sense is refused and does not fail what stands beside it', async (t) => {
    const analytics = await startAnalytics(t, await openStore(t))
    const [good, bad] = await Promise.allSettled([analytics.send(1), analytics.send(2, { counts: [{ hourMs: hour, requests: 0.5 }] })])
    assert.deepEqual([good.status, bad.status], ['fulfilled', 'rejected'])
    await assert.rejects(analytics.send(2, { scope: 'other' }), { code: 'client.bad_request' })
    await assert.rejects(analytics.usage({ fromMs: hour, toMs: hour - 1 }), { code: 'client.bad_request' })
    await assert.rejects(analytics.usage({ fromMs: Number.NaN }), { code: 'client.bad_request' })
    await assert.rejects(analytics.topRoutes({ scope: 'other' }), { code: 'client.bad_request' })
    assert.deepEqual([analytics.batches('stored'), analytics.batches('refused')], [1, 1])
  })

  test('a message that cannot be read is counted, and the next one is taken', async (t) => {
    const analytics = await startAnalytics(t, await openStore(t))
    analytics.bus.publish(subjects.usageBatch('default'), new Uint8Array([255, 255, 255]))
    await waitUntil(() => analytics.bus.counts.malformed === 1)
    assert.equal(await analytics.send(1), 1)
  })
})
