// DI2 and DI3: with everything else away an edge serves its last revision, restart included, and recovers by itself
import assert from 'node:assert/strict'
import { answer, echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { makeKey, mint } from '../actors/signing-keys.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

async function stopEverythingElse(system: System): Promise<void> {
  const { nats, redis, store } = system.servers!
  await Promise.all([...system.services.values()].map((service) => service.kill('SIGKILL')))
  await Promise.all([nats.kill(), redis.kill(), store.cut()])
}

async function startEverythingElse(system: System): Promise<void> {
  const { nats, redis, store } = system.servers!
  await Promise.all([nats.restart(), redis.restart(), store.open()])
  await Promise.all([...system.services.values()].map((service) => service.start()))
}

export const edgeAlone: Case = {
  name: 'an edge alone serves what it served, restart included',
  modes: ['distributed'],
  async run(system, t) {
    const key = makeKey('ES256')
    const issuer = await startUpstream(t, answer(200, JSON.stringify({ keys: [key.jwk] })))
    const upstream = await startUpstream(t, echo())
    const limit = (failure: string) => ({ 'rate-limit': { limit: 10, windowSeconds: 36_000, key: 'route', failure } })
    const route = (name: string, ...policies: object[]) => ({ name, match: { path: `/${name}` }, upstream: 'echo', policies })
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }], health: { active: { path: '/health', intervalSeconds: 1 } } } },
      routes: [
        route('alone'),
        route('alone-token', { jwt: { jwksUri: `${issuer.url}/jwks`, algorithms: ['ES256'] } }),
        route('alone-key', { 'key-auth': {} }),
        ...['local', 'open', 'closed'].map((failure) => route(`alone-${failure}`, limit(failure))),
      ],
    })
    await makeConsumer(system, 'alone-acme')
    const apiKey = await makeKeyOf(system, 'alone-acme')
    const [restarted, running] = [system.edges[0]!, system.edges[1]!]
    for (let round = 0; round < 8; round++) await bodyOf(system, '/alone-key', withKey(apiKey.key))
    const statusOf = async (url: string, headers: Record<string, string> = {}) => (await fetchOnce(url, { headers })).status
    await stopEverythingElse(system)
    await issuer.kill()

    await t.test('an edge that runs goes on: routes, tokens, and API keys that it knows', async () => {
      assert.equal(await statusOf(`${running.url}/alone`), 200)
      assert.equal(await statusOf(`${running.url}/alone-token`, bearer(mint(key, { sub: 'someone' })).headers), 200)
      for (let round = 0; round < 4; round++) assert.equal(await statusOf(`${running.url}/alone-key`, withKey(apiKey.key).headers), 200)
    })

    await t.test('an edge that is restarted serves its last revision from its disk', async (inner) => {
      const times = [performance.now()]
      await restarted.process.stop()
      times.push(performance.now())
      await restarted.process.start()
      times.push(performance.now())
      inner.diagnostic(`down in ${Math.round(times[1]! - times[0]!)} ms, ready again in ${Math.round(times[2]! - times[1]!)} ms`)
      const { status, body } = await fetchOnce(`${restarted.url}/alone`)
      assert.deepEqual([status, JSON.parse(body).url], [200, '/alone'])
    })

    await t.test('it verifies tokens by the key set on its disk, and lets no wrong one in', async () => {
      assert.equal(await statusOf(`${restarted.url}/alone-token`, bearer(mint(key, { sub: 'someone' })).headers), 200)
      assert.equal(await statusOf(`${restarted.url}/alone-token`, bearer(mint(makeKey('ES256', key.kid), { sub: 'someone' })).headers), 401)
      assert.equal(await statusOf(`${restarted.url}/alone-token`), 401)
    })

    await t.test('what nobody can say is 503 with the reason, never a refusal', async () => {
      const { status, body } = await fetchOnce(`${restarted.url}/alone-key`, withKey(apiKey.key))
      assert.deepEqual([status, JSON.parse(body).error.reason], [503, 'dependency.auth_unreachable'])
      assert.equal(await statusOf(`${restarted.url}/alone-key`), 401, 'no key at all is refused by the edge itself')
    })

    await t.test('limits hold as each policy says', async () => {
      const statuses = async (path: string) => {
        const all: number[] = []
        for (let index = 0; index < 30; index++) all.push(await statusOf(restarted.url + path))
        return all
      }
      assert.ok((await statuses('/alone-open')).every((status) => status === 200))
      assert.ok((await statuses('/alone-closed')).every((status) => status === 503))
      const local = (await statuses('/alone-local')).filter((status) => status === 200).length
      assert.ok(local >= 5 && local <= 10, `${local} of 10`)
    })

    await t.test('once everything is back it takes changes again and counts what was used meanwhile', async () => {
      await startEverythingElse(system)
      const routeBody = { match: { path: '/alone' }, policies: [{ 'fixed-response': { body: 'changed' } }] }
      const isAcknowledged = async () => {
        const { status, body } = await system.admin('PUT', '/v1/routes/alone?wait=all&timeoutMs=2000', routeBody)
        return status === 200 && (JSON.parse(body) as { edges: { expected: number } }).edges.expected === 2
      }
      await waitUntil(isAcknowledged, { timeoutMs: 30_000, everyMs: 100, what: 'a change to be acknowledged by both edges' })
      assert.equal(await bodyOf(system, '/alone'), 'changed')
      const isAccepted = async () => (await statusOf(`${restarted.url}/alone-key`, withKey(apiKey.key).headers)) === 200
      await waitUntil(isAccepted, { timeoutMs: 15_000, what: 'the key to be accepted again' })
      await waitUntil(async () => (await statusOf(`${restarted.url}/alone-closed`)) === 200, { timeoutMs: 15_000, what: 'limits to be counted again' })
      const used = async () => (await system.admin('GET', '/v1/usage')).json<{ items: { consumer: string; requests: number }[] }>().items.find((item) => item.consumer === 'alone-acme')?.requests
      const sent = upstream.requests.filter(({ url }) => url === '/alone-key').length
      await waitUntil(async () => (await used()) === sent, { timeoutMs: 20_000, what: `${sent} requests of the consumer to be counted` })
    })
  },
}
