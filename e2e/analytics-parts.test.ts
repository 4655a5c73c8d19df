// DI1 and AN2: two instances of analytics with a part of the edges each; one is killed, and usage is exact all the same
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchOnce, missingServer, startNats, startRedis, waitUntil } from '@sluice/testkit'
import { startFewServices } from './modes/few-services.ts'
import { readMetrics, sum } from './actors/metrics.ts'

test('of two analytics each keeps the usage of its edges: what the admin API tells is their sum, and exact when one was killed', { timeout: 240_000, skip: missingServer('redis') }, async (t) => {
  const [nats, redis] = await Promise.all([startNats({ jetStream: false }), startRedis()])
  t.after(async () => void (await Promise.all([nats.stop(), redis.stop()])))
  const shared = { SLUICE_NATS_URL: nats.url, SLUICE_REDIS_URL: redis.url }
  const parts = [1, 2].map((part) => ({ name: `analytics-${part}`, service: 'analytics', env: { SLUICE_ANALYTICS_PART: `${part}/2` } }))
  // By their names the first edge belongs to the second part, the other one to the first.
  const { edges, admin, process } = await startFewServices(t, shared, [{ name: 'auth' }, ...parts], ['edge-1', 'edge-3'], {
    routes: [{ name: 'counted', match: { path: '/counted' }, policies: [{ 'key-auth': {} }, { 'fixed-response': { status: 200 } }] }],
    consumers: [{ name: 'acme' }],
  })
  const made = await admin('POST', '/v1/consumers/acme/credentials?wait=all', { apiKey: {} })
  assert.equal(made.status, 201, made.body)
  const headers = { 'x-api-key': made.json<{ key: string }>().key }
  const ask = async (count: number) => {
    for (let index = 0; index < count; index++) for (const edge of edges) assert.equal((await fetchOnce(`${edge.url}/counted`, { headers })).status, 200)
  }
  const counted = async () => (await admin('GET', '/v1/usage')).json<{ items?: { consumer: string; requests: number }[] }>().items?.find(({ consumer }) => consumer === 'acme')?.requests
  const stored = async (name: string) => sum(await readMetrics(process(name).metricsUrl), 'sluice_analytics_batches_total', { outcome: 'stored' })
  await ask(10)
  await waitUntil(async () => (await counted()) === 20, { timeoutMs: 60_000, what: 'all requests to be counted' })
  assert.ok((await stored('analytics-1')) > 0 && (await stored('analytics-2')) > 0, 'both have taken some')

  await process('analytics-2').kill('SIGKILL')
  await ask(10)
  const refused = await admin('GET', '/v1/usage')
  assert.deepEqual([refused.status, refused.json<{ reason: string }>().reason], [503, 'dependency.analytics_unreachable'], refused.body)
  await process('analytics-2').start()
  await waitUntil(async () => (await counted()) === 40, { timeoutMs: 90_000, what: 'what was kept at the edges to be counted' })
  await ask(1)
  await waitUntil(async () => (await counted()) === 42, { timeoutMs: 60_000, what: 'no more and no less' })
})
