// HC1 (HTTP checks, thresholds, few probers, result on every edge)
import assert from 'node:assert/strict'
import { answer, neverAnswer, startUpstream, waitUntil, type ScriptedUpstream, type Script } from '@sluice/testkit'
import { ask, bodyOf } from '../actors/ask.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const intervalMs = 200

/** Serves under its name; what it says of its health can be changed. */
async function startService(t: Parameters<typeof startUpstream>[0], name: string) {
  const state = { health: answer(200, 'well') as Script }
  const upstream = await startUpstream(t, (reply) => (reply.record.url === '/health' ? state.health(reply) : answer(200, name)(reply)))
  return Object.assign(upstream, { says: (health: Script) => void (state.health = health) })
}

const probesOf = (upstream: ScriptedUpstream) => upstream.requests.filter(({ url }) => url === '/health')

/** Whether the next answers of every edge come from these endpoints and from all of them. */
async function areServing(system: System, names: readonly string[]): Promise<boolean> {
  const bodies = new Set<string>()
  for (let round = 0; round < 6; round++) bodies.add(await bodyOf(system, '/checked'))
  return bodies.size === names.length && names.every((name) => bodies.has(name))
}

const shown = async (system: System) => (await system.admin('GET', '/v1/endpoints?upstream=checked')).json<{ items: { url: string; health: string; reason: string }[] }>().items

export const activeHealth: Case = {
  name: 'an endpoint that fails its checks is left out until it passes them',
  async run(system, t) {
    const [a, b] = [await startService(t, 'a'), await startService(t, 'b')]
    const health = { active: { path: '/health', intervalSeconds: intervalMs / 1000, timeoutMs: 500, unhealthyAfter: 3, healthyAfter: 2 } }
    await system.apply({
      upstreams: { checked: { endpoints: [{ url: a.url }, { url: b.url }], health } },
      routes: [{ name: 'checked', match: { path: '/checked' }, upstream: 'checked' }],
    })
    const serve = (...names: string[]) => waitUntil(() => areServing(system, names), { timeoutMs: 15_000, what: `${names.join(' and ')} to serve` })

    await t.test('it goes when it fails and comes back when it is well', async () => {
      await serve('a', 'b')
      b.says(answer(500, 'ill'))
      await serve('a')
      const items = await shown(system)
      assert.deepEqual(items.map((item) => [item.url, item.health]).sort(), [[a.url, 'healthy'], [b.url, 'unhealthy']].sort())
      assert.match(items.find((item) => item.url === b.url)!.reason, /500/)
      b.says(answer(204))
      await serve('a', 'b')
    })

    await t.test('one that does not answer is as bad', async () => {
      a.says(neverAnswer())
      await serve('b')
      a.says(answer(200))
      await serve('a', 'b')
    })

    await t.test('an endpoint that fails fewer checks than that stays', async () => {
      const before = probesOf(b).length
      let failures = 0
      b.says((reply) => (failures++ < 2 ? answer(503, 'brief')(reply) : answer(200)(reply)))
      await waitUntil(() => probesOf(b).length >= before + 5, { what: 'five more checks' })
      assert.deepEqual((await shown(system)).map((item) => item.health), ['healthy', 'healthy'])
    })

    await t.test('there is one prober, however many edges there are', async () => {
      const first = probesOf(b).length
      await waitUntil(() => probesOf(b).length >= first + 6, { what: 'six more checks' })
      const times = probesOf(b).slice(first).map((probe) => probe.at)
      const mean = (times.at(-1)! - times[0]!) / (times.length - 1)
      assert.ok(mean > intervalMs * 0.8, `a check each ${mean} ms`)
    })

    await t.test('when all fail their checks they are used all the same: the checks may be wrong', async () => {
      for (const one of [a, b]) one.says(answer(500))
      await waitUntil(async () => (await shown(system)).every((item) => item.health === 'unhealthy'), { timeoutMs: 15_000, what: 'both to be unhealthy' })
      for (let round = 0; round < 4; round++) assert.equal((await ask(system, '/checked')).status, 200)
    })
  },
}
