// AD3 and DI2: receipts name every edge; DI1: edges by name
import assert from 'node:assert/strict'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

interface EdgeItem {
  readonly name: string
  readonly instance: string
  readonly state: string
  readonly revision: number
}

const version = (body: string) => ({ routes: [{ name: 'receipt', match: { path: '/receipt' }, policies: [{ 'fixed-response': { body } }] }] })
const edgesOf = async (system: System) => (await system.admin('GET', '/v1/edges')).json<{ items: EdgeItem[] }>().items
const stateOf = async (system: System, name: string) => (await edgesOf(system)).find((edge) => edge.name === name)?.state

export const receipts: Case = {
  name: 'a receipt says which edges run a change and which do not',
  modes: ['distributed'],
  async run(system, t) {
    const [first, second] = [system.edges[0]!, system.edges[1]!]
    const write = (body: string, timeoutMs: number) => system.admin('PUT', `/v1/config?wait=all&timeoutMs=${timeoutMs}`, system.complete(version(body)))

    await t.test('every edge is known by its name and runs the head', async () => {
      const { revision } = await system.apply(version('one'))
      assert.deepEqual((await edgesOf(system)).map(({ name, state, revision: runs }) => [name, state, runs]), [['edge-1', 'live', revision], ['edge-2', 'live', revision]])
    })

    await t.test('an edge that fell silent is missing from the receipt until it is back, and then runs the head', async () => {
      const [before] = (await edgesOf(system)).filter(({ name }) => name === second.name)
      await second.process.kill('SIGKILL')
      const late = await write('two', 1000)
      assert.equal(late.status, 202, late.body)
      assert.deepEqual(late.json<{ edges: object }>().edges, { acknowledged: 1, expected: 2, missing: ['edge-2'] })
      const applied = await system.cli(['rollback', String(late.json<{ revision: number }>().revision), '--wait=1'])
      assert.equal(applied.code, 1)
      assert.match(applied.stdout, /1\/2 edges effective; missing: edge-2/)
      assert.equal((await fetchOnce(`${first.url}/receipt`)).body, 'two')
      await second.process.start()
      await waitUntil(async () => (await fetchOnce(`${second.url}/receipt`)).body === 'two', { what: 'the edge to be at the head' })
      const [after] = (await edgesOf(system)).filter(({ name }) => name === second.name)
      assert.equal(after?.instance, before?.instance, 'it is the same edge, restarted')
      await system.apply(version('three'))
    })

    await t.test('an edge that says goodbye is not waited for', async () => {
      await second.process.stop()
      assert.equal(await stateOf(system, 'edge-2'), 'leaving')
      const written = await write('four', 10_000)
      assert.deepEqual([written.status, written.json<{ edges: object }>().edges], [200, { acknowledged: 1, expected: 1, missing: [] }])
      await second.process.start()
      await waitUntil(async () => (await stateOf(system, 'edge-2')) === 'live', { what: 'the edge to be live again' })
      assert.equal(await bodyOf(system, '/receipt'), 'four')
    })

    await t.test('a second edge of a name that is taken is refused, with the reason', async (inner) => {
      const twin = await system.launchEdge!(inner, 'edge-1')
      const reason = 'another live edge has the name "edge-1"; give this one a name of its own (SLUICE_EDGE_NAME)'
      const readiness = () => fetchOnce(`${twin.metricsUrl}/readyz`)
      await waitUntil(async () => (await readiness()).json<{ reasons: string[] }>().reasons.includes(reason), { timeoutMs: 20_000, what: 'it to say why it is not ready' })
      assert.equal((await readiness()).status, 503)
      assert.ok(JSON.stringify(twin.process.output()).includes('control refuses this edge'))
      assert.deepEqual((await edgesOf(system)).map(({ name, state }) => [name, state]), [['edge-1', 'live'], ['edge-2', 'live']])
      await system.apply(version('five'))
      await twin.process.kill('SIGKILL')
    })
  },
}
