// DI3 (each service alone away, and back), PX7 (an edge restarted behind a balancer), AN2 (nothing lost or counted twice meanwhile)
import assert from 'node:assert/strict'
import { answer, startUpstream, waitUntil } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { describeFailures, startTraffic, type SteadyTraffic } from '../actors/steady-traffic.ts'
import type { SluiceProcess } from '../modes/sluice-process.ts'
import type { Case } from './case.ts'

const consumer = 'restart-acme'

export const serviceRestarts: Case = {
  name: 'each service is restarted in turn, and no request fails',
  modes: ['distributed'],
  async run(system, t) {
    const upstream = await startUpstream(t, answer(200, 'served'))
    await system.apply({
      upstreams: { restarted: { endpoints: [{ url: upstream.url }], health: { active: { path: '/health', intervalSeconds: 1 } } } },
      routes: [{ name: 'restarted', match: { path: '/restarted' }, upstream: 'restarted', policies: [{ 'key-auth': {} }, { 'rate-limit': { limit: 1_000_000, windowSeconds: 3600 } }] }],
    })
    await makeConsumer(system, consumer)
    const { key } = await makeKeyOf(system, consumer)
    const { headers } = withKey(key)
    const traffic = startTraffic(t, system.edges, { path: '/restarted', headers, balanced: true, clients: 3 })
    // Until every worker has met the key: one that has not would have to ask auth.
    await traffic.more(100)

    for (const process of [...system.services.values(), ...system.edges.map((edge) => edge.process)]) {
      await t.test(process.name, () => restartUnder(traffic, process))
    }

    await t.test('afterwards everything works together again', async () => {
      const isComplete = async () => (await system.admin('PUT', '/v1/routes/after?wait=all&timeoutMs=1000', { match: { path: '/after' }, policies: [{ 'fixed-response': { body: String(Math.random()) } }] })).status < 202
      await waitUntil(isComplete, { timeoutMs: 20_000, what: 'a change to be acknowledged by both edges' })
      assert.equal(await bodyOf(system, '/after'), await bodyOf(system, '/after'))
      const another = await makeKeyOf(system, consumer)
      assert.equal(await bodyOf(system, '/restarted', withKey(another.key)), 'served')
    })

    await t.test('every request is in the usage, and none twice', async () => {
      await traffic.stop()
      const sent = upstream.requests.filter(({ url }) => url === '/restarted').length
      const counted = async () => (await system.admin('GET', '/v1/usage')).json<{ items: { consumer: string; requests: number }[] }>().items.find((item) => item.consumer === consumer)?.requests ?? 0
      await waitUntil(async () => (await counted()) >= sent, { timeoutMs: 20_000, what: `${sent} requests to be counted` })
      assert.equal(await counted(), sent)
    })
  },
}

async function restartUnder(traffic: SteadyTraffic, process: SluiceProcess): Promise<void> {
  const from = traffic.outcomes.length
  await process.restart()
  await traffic.more(10)
  const failures = traffic.outcomes.slice(from).filter(({ status }) => status !== 200)
  assert.equal(failures.length, 0, describeFailures(failures))
}
