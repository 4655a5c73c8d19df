// HC1 and DI1: several instances of discovery in zones of their own share the probing; the one that speaks to the edges is killed
import assert from 'node:assert/strict'
import { answer, startUpstream, waitUntil, type Script } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import { readMetrics, sum } from '../actors/metrics.ts'
import type { SluiceProcess } from '../modes/sluice-process.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const patience = { timeoutMs: 60_000 }
const active = { path: '/health', intervalSeconds: 0.2, timeoutMs: 2000, unhealthyAfter: 3, healthyAfter: 2 }

const metric = async ({ metricsUrl }: SluiceProcess, name: string) => sum(await readMetrics(metricsUrl), name)

async function startService(t: Parameters<typeof startUpstream>[0], name: string) {
  const state = { health: answer(200) as Script }
  const upstream = await startUpstream(t, (reply) => (reply.record.url === '/health' ? state.health(reply) : answer(200, name)(reply)))
  return Object.assign(upstream, { says: (health: Script) => void (state.health = health) })
}

async function serve(system: System, names: readonly string[]): Promise<void> {
  const seen = async () => new Set(await Promise.all(Array.from({ length: 8 }, () => bodyOf(system, '/observed'))))
  await waitUntil(async () => (await seen()).symmetricDifference(new Set(names)).size === 0, { ...patience, what: `${names.join(' and ')} to serve on every edge` })
}

export const severalDiscoveries: Case = {
  name: 'of four discoveries three probe an endpoint, and when the one that speaks is killed another one does',
  modes: ['distributed'],
  async run(system, t) {
    const first = system.services.get('discovery')!
    const near = [await system.launchService!(t, 'discovery', { SLUICE_ZONE: 'a' }), await system.launchService!(t, 'discovery', { SLUICE_ZONE: 'a' })]
    const far = await system.launchService!(t, 'discovery', { SLUICE_ZONE: 'b' })
    const all = [first, ...near, far]
    const know = (processes: readonly SluiceProcess[]) =>
      waitUntil(async () => (await Promise.all(processes.map((one) => metric(one, 'sluice_discovery_members')))).every((members) => members === processes.length), { ...patience, what: `${processes.length} discoveries to know each other` })
    const leaders = async (processes: readonly SluiceProcess[]) => sum((await Promise.all(processes.map(({ metricsUrl }) => readMetrics(metricsUrl)))).flat(), 'sluice_discovery_leading')
    await know(all)
    assert.deepEqual([await leaders(all), await leaders([first])], [1, 1], 'the oldest one speaks')
    const [one, two] = [await startService(t, 'one'), await startService(t, 'two')]
    const configure = (urls: readonly string[]) =>
      system.apply({
        upstreams: { observed: { endpoints: urls.map((url) => ({ url, zone: 'a' })), health: { active } } },
        routes: [{ name: 'observed', match: { path: '/observed' }, upstream: 'observed' }],
      })

    await t.test('two of its zone probe an endpoint and one of another, the fourth does not', async () => {
      const counts = () => Promise.all(all.map((one) => metric(one, 'sluice_probes_total')))
      const threeProbe = (since: readonly number[]) =>
        waitUntil(async () => (await counts()).filter((count, index) => count >= since[index]! + 5).length >= 3, { ...patience, what: 'three to probe' })
      const atFirst = await counts()
      await configure([one.url])
      // What was configured before may still be probed by one that has not heard of this.
      await threeProbe(atFirst)
      const before = await counts()
      await threeProbe(before)
      const [byFirst, byNear, byOtherNear, byFar] = (await counts()).map((count, index) => count - before[index]!)
      assert.ok(byNear! >= 5 && byOtherNear! >= 5, 'both of its zone')
      assert.equal(Math.min(byFirst!, byFar!), 0, 'one outside')
    })

    await t.test('what they find is what every edge knows', async () => {
      await configure([one.url, two.url])
      await serve(system, ['one', 'two'])
      two.says(answer(500))
      await serve(system, ['one'])
      two.says(answer(200))
      await serve(system, ['one', 'two'])
    })

    await t.test('when the one that speaks is killed another one speaks, and when it is back all know each other', async () => {
      await first.kill('SIGKILL')
      t.after(() => (first.isRunning ? undefined : first.start()))
      two.says(answer(500))
      await serve(system, ['one'])
      await know([...near, far])
      assert.equal(await leaders([...near, far]), 1)
      await first.start()
      await know(all)
      two.says(answer(200))
      await serve(system, ['one', 'two'])
      await waitUntil(async () => (await leaders(all)) === 1, { ...patience, what: 'one to speak' })
    })
  },
}
