// AN2 and AN1 in part: what consumers used is counted exactly; SE5 in part: every write is in the audit log
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import type { Case } from './case.ts'

interface Used {
  readonly consumer: string
  readonly requests: number
  readonly refused: number
  readonly bytesIn: number
  readonly bytesOut: number
}

export const usage: Case = {
  name: 'what was used and what was changed can be looked up',
  async run(system, t) {
    const upstream = await startUpstream(t, answer(200, 'x'.repeat(100)))
    await system.apply({
      upstreams: { used: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'used', match: { path: '/used' }, upstream: 'used', policies: [{ 'key-auth': {} }, { 'rate-limit': { limit: 30, windowSeconds: 36_000 } }] }],
    })

    await t.test('requests, refusals and bytes of each consumer are what was sent', async () => {
      const counts = { 'used-much': 40, 'used-little': 7 }
      for (const [consumer, count] of Object.entries(counts)) {
        await makeConsumer(system, consumer)
        const { key } = await makeKeyOf(system, consumer)
        const { edges } = system
        await Promise.all(Array.from({ length: count }, (_, index) => fetchOnce(`${edges[index % edges.length]!.url}/used`, { method: 'POST', body: 'y'.repeat(10), ...withKey(key) })))
      }
      const read = async () => (await system.admin('GET', '/v1/usage')).json<{ items: Used[]; watermark: string | null }>()
      const total = (items: readonly Used[]) => items.filter(({ consumer }) => consumer in counts).reduce((sum, { requests, refused }) => sum + requests + refused, 0)
      const { items } = await waitUntil(async () => {
        const found = await read()
        return total(found.items) >= 47 ? found : undefined
      }, { timeoutMs: 20_000, what: 'all requests to be counted' })
      const of = (name: string) => items.find(({ consumer }) => consumer === name)
      assert.deepEqual(of('used-little'), { consumer: 'used-little', requests: 7, refused: 0, bytesIn: 70, bytesOut: 700 })
      const much = of('used-much')!
      assert.deepEqual([much.requests, much.refused], [30, 10])
      const { items: routes } = (await system.admin('GET', '/v1/analytics/routes')).json<{ items: { route: string; requests: number }[] }>()
      assert.equal(routes.find(({ route }) => route === 'used')?.requests, 47)
    })

    await t.test('every write is in the audit log, with who, what and what came of it', async () => {
      const audited = async () => (await system.admin('GET', '/v1/audit?limit=5')).json<{ items: { at: string; actor: string; action: string; outcome: string }[] }>().items
      const put = await system.admin('PUT', '/v1/routes/audited?wait=all', { match: { path: '/audited' }, policies: [{ 'fixed-response': {} }] })
      await system.admin('PUT', '/v1/routes/audited', { match: {} , upstream: 'nobody' })
      await system.admin('DELETE', '/v1/consumers/used-little?wait=all')
      const [deleted, refused, written] = await audited()
      assert.deepEqual([written?.actor, written?.action, written?.outcome], ['admin', 'PUT /v1/routes/audited', `revision ${put.json<{ revision: number }>().revision}`])
      assert.deepEqual([refused?.action, refused?.outcome], ['PUT /v1/routes/audited', 'config.reference_missing'])
      assert.equal(deleted?.action, 'DELETE /v1/consumers/used-little')
      assert.match(deleted?.outcome ?? '', /^version \d+$/)
      await system.admin('PUT', '/v1/config?dryRun=true', system.complete({}))
      await fetchOnce(`${system.adminUrl}/v1/routes/audited`, { method: 'DELETE' })
      assert.equal((await audited())[0]?.action, 'DELETE /v1/consumers/used-little', 'what changes nothing and who is nobody leave no entry')
    })
  },
}
