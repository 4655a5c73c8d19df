// DI3 (NATS away and back), DI2 (a missed broadcast is caught up), DI5 in part (the head by HTTP)
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { bodyOf } from '../actors/ask.ts'
import { describeFailures, startTraffic } from '../actors/steady-traffic.ts'
import type { Case } from './case.ts'

const versioned = (body: string) => ({ match: { path: '/versioned' }, policies: [{ 'fixed-response': { body } }] })

export const natsOutage: Case = {
  name: 'without NATS traffic goes on, and what was changed meanwhile arrives',
  modes: ['distributed'],
  async run(system, t) {
    const { nats } = system.servers!
    const upstream = await startUpstream(t, answer(200, 'served'))
    await system.apply({
      upstreams: { kept: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'kept', match: { path: '/kept' }, upstream: 'kept', policies: [{ 'key-auth': {} }, { 'rate-limit': { limit: 1_000_000 } }] }, { name: 'versioned', ...versioned('before') }],
    })
    await makeConsumer(system, 'outage-acme')
    const { headers } = withKey((await makeKeyOf(system, 'outage-acme')).key)
    for (let round = 0; round < 4; round++) await bodyOf(system, '/kept', { headers })
    const traffic = startTraffic(t, system.edges, { path: '/kept', headers, clients: 2 })
    await traffic.more(10)
    t.after(() => nats.revive())
    await nats.kill()

    await t.test('services say that they cannot work, edges go on', async () => {
      for (const name of ['auth', 'ratelimit', 'discovery', 'analytics', 'control']) {
        const { metricsUrl } = system.services.get(name)!
        const isNotReady = async () => {
          const { status, body } = await fetchOnce(`${metricsUrl}/readyz`)
          return status === 503 && /bus/.test(body)
        }
        await waitUntil(isNotReady, { timeoutMs: 20_000, what: `${name} to say that the bus is away` })
        assert.equal((await fetchOnce(`${metricsUrl}/healthz`)).status, 200)
      }
      for (const edge of system.edges) assert.equal((await fetchOnce(`${edge.metricsUrl}/readyz`)).status, 200)
    })

    await t.test('a change is taken, and reaches the edges by HTTP', async () => {
      const { status, body } = await system.admin('PUT', '/v1/routes/versioned', versioned('meanwhile'))
      assert.equal(status, 200, body)
      const isThere = async (url: string) => (await fetchOnce(`${url}/versioned`)).body === 'meanwhile'
      await Promise.all(system.edges.map((edge) => waitUntil(() => isThere(edge.url), { timeoutMs: 35_000, everyMs: 100, what: `${edge.name} to have it` })))
    })

    await t.test('what needs another service is answered 503 with the reason', async () => {
      const refused = await system.admin('POST', '/v1/consumers/outage-acme/credentials', { apiKey: {} })
      assert.equal(refused.status, 503, refused.body)
      assert.match(refused.json<{ reason: string }>().reason, /^dependency\./)
    })

    await t.test('once it is back a change is acknowledged by all, and nothing had failed', async () => {
      await nats.restart()
      for (const { name, metricsUrl } of system.services.values()) await waitUntil(async () => (await fetchOnce(`${metricsUrl}/readyz`)).status === 200, { timeoutMs: 20_000, what: `${name} to be ready` })
      const isAcknowledged = async () => (await system.admin('PUT', '/v1/routes/versioned?wait=all&timeoutMs=2000', versioned(`after ${performance.now()}`))).status === 200
      await waitUntil(isAcknowledged, { timeoutMs: 20_000, what: 'a change to be acknowledged' })
      await makeKeyOf(system, 'outage-acme')
      await traffic.more(10)
      await traffic.stop()
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    })
  },
}
