// CB2: circuits in the admin API, opened and closed by hand, on every edge
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

interface Shown {
  readonly name: string
  readonly state: string
  readonly held: string | null
  readonly edges: readonly { readonly edge: string; readonly state: string; readonly workersOpen: number; readonly leftOut: readonly string[] }[]
}

async function shown(system: System, name: string): Promise<Shown | undefined> {
  const { status, body } = await system.admin('GET', '/v1/circuits')
  assert.equal(status, 200, body)
  return (JSON.parse(body) as { items: Shown[] }).items.find((item) => item.name === name)
}

const hold = (system: System, name: string, state: string) => system.admin('PUT', `/v1/circuits/${name}`, { state })

/** Resolves once every worker of every edge has answered so, as far as many requests can tell. */
async function everywhere(system: System, path: string, isSo: (body: string) => boolean, what: string): Promise<void> {
  const all = async (url: string) => {
    for (let round = 0; round < 12; round++) if (!isSo((await fetchOnce(url + path)).body)) return false
    return true
  }
  for (const edge of system.edges) await waitUntil(() => all(edge.url), { timeoutMs: 10_000, what: `${what} on ${edge.name}` })
}

export const circuits: Case = {
  name: 'circuits are shown, and opened and closed by hand',
  async run(system, t) {
    const [well, broken] = [await startUpstream(t, answer(200, 'well')), await startUpstream(t, answer(500, 'broken'))]
    await system.apply({
      upstreams: {
        steady: { endpoints: [{ url: well.url }] },
        failing: { endpoints: [{ url: broken.url }], health: { passive: false }, circuitBreaker: { consecutiveFailures: 3, openSeconds: 60 } },
      },
      routes: [{ name: 'steady', match: { path: '/steady' }, upstream: 'steady' }, { name: 'failing', match: { path: '/failing' }, upstream: 'failing' }],
    })
    const isOpen = (body: string) => body.includes('upstream.circuit_open')

    await t.test('one that the edges have opened is shown with who did', async () => {
      assert.partialDeepStrictEqual(await shown(system, 'failing'), { state: 'closed', held: null, edges: [] })
      for (let round = 0; round < 3; round++) await fetchOnce(`${system.edges[0]!.url}/failing`)
      await everywhere(system, '/failing', isOpen, 'an open circuit')
      await waitUntil(async () => (await shown(system, 'failing'))?.edges.length === system.edges.length, { timeoutMs: 10_000, what: 'all edges to tell' })
      const { state, held, edges } = (await shown(system, 'failing'))!
      assert.deepEqual([state, held, edges.map((edge) => [edge.edge, edge.state])], ['open', null, system.edges.map((edge) => [edge.name, 'open'])])
    })

    await t.test('closed by hand, everything is sent, whatever comes of it', async () => {
      const { status, body } = await hold(system, 'failing', 'closed')
      assert.deepEqual([status, JSON.parse(body)], [200, { name: 'failing', held: 'closed' }])
      await everywhere(system, '/failing', (text) => text === 'broken', 'what the upstream says')
      assert.partialDeepStrictEqual(await shown(system, 'failing'), { state: 'closed', held: 'closed' })
    })

    await t.test('opened by hand, nothing is sent on any edge, also where no circuit breaker is configured', async () => {
      assert.equal(await shown(system, 'steady'), undefined)
      const opened = await system.cli(['circuits', 'open', 'steady'])
      assert.deepEqual([opened.code, opened.stderr], [0, ''])
      await everywhere(system, '/steady', isOpen, 'the held circuit')
      const asked = well.requests.length
      await everywhere(system, '/steady', isOpen, 'the held circuit')
      assert.equal(well.requests.length, asked)
      assert.partialDeepStrictEqual(await shown(system, 'steady'), { state: 'open', held: 'open' })
      assert.match((await system.cli(['circuits', 'list'])).stdout, /^steady +open +yes +/m)
    })

    await t.test('a change of the configuration does not end that, letting go does', async () => {
      await system.apply({
        upstreams: { steady: { endpoints: [{ url: well.url }], drainSeconds: 20 } },
        routes: [{ name: 'steady', match: { path: '/steady' }, upstream: 'steady' }],
      })
      await everywhere(system, '/steady', isOpen, 'the held circuit')
      assert.deepEqual((await hold(system, 'steady', 'automatic')).json(), { name: 'steady', held: null })
      await everywhere(system, '/steady', (body) => body === 'well', 'traffic')
      assert.equal(await bodyOf(system, '/steady'), 'well')
    })

    await t.test('what is no upstream and no state is refused', async () => {
      assert.equal((await hold(system, 'nobody', 'open')).status, 404)
      assert.equal((await hold(system, 'steady', 'ajar')).status, 400)
    })
  },
}
