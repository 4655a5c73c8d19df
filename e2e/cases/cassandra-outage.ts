// ST3 and DI3: Cassandra alone away, then slow, under traffic
import assert from 'node:assert/strict'
import { bodyOf, named } from '../actors/ask.ts'
import { describeFailures, startTraffic } from '../actors/steady-traffic.ts'
import type { Case } from './case.ts'
import { storeOutage } from './store-outage.ts'

const delayMs = 250 // each way, so that an answer takes half a second longer
const writes = 5

export const cassandraOutage: Case = {
  name: 'while Cassandra is away or slow requests go on, and no change is lost or made twice',
  modes: ['distributed'],
  async run(system, t) {
    const relay = system.servers!.store
    await t.test('away: changes are refused with the reason, and nothing acknowledged is lost', (inner) => storeOutage({ kill: () => relay.cut(), restart: () => relay.open(), revive: () => relay.open() }).run(system, inner))

    await t.test('slow by half a second: each change is made once, and nobody who asks for something else waits', async (inner) => {
      await system.apply({ routes: [named('unhurried', { path: '/unhurried' })] })
      const before = (await system.admin('GET', '/v1/revisions?limit=1')).json<{ items: { revision: number }[] }>().items[0]!.revision
      const traffic = startTraffic(inner, system.edges, { path: '/unhurried' })
      inner.after(() => (relay.delayMs = 0))
      relay.delayMs = delayMs
      for (let index = 0; index < writes; index++) {
        const { status, body } = await system.admin('PUT', `/v1/routes/slow-${index}?wait=all&timeoutMs=10000`, named(`slow-${index}`, { path: `/slow-${index}` }))
        assert.equal(status, 201, body)
      }
      relay.delayMs = 0
      await traffic.more(20)
      await traffic.stop()
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
      const { items } = (await system.admin('GET', '/v1/revisions?limit=100')).json<{ items: { revision: number }[] }>()
      assert.equal(items[0]!.revision, before + writes)
      for (let index = 0; index < writes; index++) assert.equal(await bodyOf(system, `/slow-${index}`), `slow-${index}`)
    })
  },
}
