// ST1 and DI3: with the store killed nothing happens to traffic, changes are refused with the reason, and nothing acknowledged is lost
import assert from 'node:assert/strict'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { bodyOf, named, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { describeFailures, startTraffic } from '../actors/steady-traffic.ts'
import type { Case } from './case.ts'

const consumer = 'outage-acme'

/** What can be taken away and put back. */
interface Server {
  kill(): Promise<void>
  restart(): Promise<void>
  /** Puts it back unless it is there. */
  revive(): Promise<void>
}

export const storeOutage = (server: Server): Case => ({
  name: 'while the store is killed requests go on and changes are refused; it comes back with all that was acknowledged',
  modes: ['distributed'],
  async run(system, t) {
    await system.apply({ routes: [{ name: 'kept', match: { path: '/kept' }, policies: [{ 'key-auth': {} }, { 'fixed-response': { body: 'kept' } }] }] })
    await makeConsumer(system, consumer)
    const [{ key }, revoked] = [await makeKeyOf(system, consumer), await makeKeyOf(system, consumer)]
    assert.equal((await system.admin('DELETE', `/v1/consumers/${consumer}/credentials/${revoked.id}?wait=all`)).status, 200)
    const traffic = startTraffic(t, system.edges, { path: '/kept', ...withKey(key) })
    await traffic.more(50)
    const before = await system.admin('GET', '/v1/revisions?limit=500')
    t.after(() => server.revive())
    await server.kill()

    await t.test('changes and questions about the configuration are 503 with the reason', async () => {
      for (const [method, path, body] of [['PUT', '/v1/routes/lost', { match: { path: '/lost' } }], ['GET', '/v1/routes', undefined], ['POST', `/v1/consumers/${consumer}/credentials`, { apiKey: {} }]] as const) {
        const { status, body: text } = await system.admin(method, path, body)
        assert.equal(status, 503, text)
        assert.match(JSON.parse(text).reason, /^dependency\.(store|auth)_unreachable$/)
      }
    })

    await t.test('control and auth say that they cannot do their work, the edges can', async () => {
      const readiness = async (url: string) => (await fetchOnce(`${url}/readyz`)).status
      for (const name of ['control', 'auth']) await waitUntil(async () => (await readiness(system.services.get(name)!.metricsUrl)) === 503, { what: `${name} to be not ready` })
      for (const edge of system.edges) assert.equal(await readiness(edge.metricsUrl), 200)
    })

    await t.test('no request that needs nothing new has failed', async () => {
      await traffic.more(50)
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    })

    await t.test('with the store back the history is what it was, and the next change the next revision', async () => {
      await server.restart()
      const isChanged = async () => (await system.admin('PUT', '/v1/routes/after?wait=all&timeoutMs=2000', named('after', { path: '/after' }))).status < 202
      await waitUntil(isChanged, { timeoutMs: 30_000, what: 'a change to be acknowledged' })
      const { items } = (await system.admin('GET', '/v1/revisions?limit=500')).json<{ items: { revision: number }[] }>()
      const old = before.json<{ items: { revision: number }[] }>().items
      assert.deepEqual(items.slice(1), old)
      assert.equal(items[0]!.revision, old[0]!.revision + 1)
      assert.equal(await bodyOf(system, '/after'), 'after')
      await waitUntil(async () => (await system.admin('GET', `/v1/consumers/${consumer}`)).status === 200, { timeoutMs: 15_000, what: 'auth to read again' })
      assert.equal((await refusalOf(system, '/kept', withKey(revoked.key))).status, 401)
      assert.equal(await bodyOf(system, '/kept', withKey((await makeKeyOf(system, consumer)).key)), 'kept')
      await traffic.stop()
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    })
  },
})
