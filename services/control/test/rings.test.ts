import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { type ControlClient, makeSurroundings, startControl, type Surroundings, upstream } from './control-under-test.ts'
import { type EdgeOptions, SimulatedEdge } from './simulated-edge.ts'

const names = ['edge-1', 'edge-2', 'edge-3', 'edge-4']
const settings = { rings: [{ edges: 1 }], soakSeconds: 1, gates: { minimumRequests: 10 } }
const route = (status: number) => ({ match: { path: '/a' }, policies: [{ 'fixed-response': { status } }] })

interface Answer {
  readonly revision: number
  readonly ring?: { readonly edges: readonly string[]; readonly stable: number }
  readonly edges: { readonly acknowledged: number; readonly expected: number }
}

async function start(context: TestContext, rollout: object = settings, options: Partial<EdgeOptions> = {}) {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const edges = await Promise.all(names.map((name) => new SimulatedEdge(surroundings.bus, { name, ...options }).start()))
  context.after(() => edges.forEach((edge) => edge.stop()))
  await control.json('PUT', '/v1/config?wait=all&everywhere=true', { version: 1, rollout, upstreams: { users: upstream() }, routes: [{ name: 'a', ...route(200) }] })
  return { surroundings, control, edges, at: (revision: number) => edges.filter((edge) => edge.revision >= revision) }
}

const put = (control: ControlClient, status: number) => control.json<Answer>('PUT', '/v1/routes/a?wait=all', route(status))
const notes = async (control: ControlClient) => (await control.json<{ items: { revision: number; note: string; author: string }[] }>('GET', '/v1/revisions')).items

/** Reports of edges that were asked for their traffic; SimulatedEdge reports only when it is told to. */
function keepReporting(context: TestContext, edges: readonly SimulatedEdge[]): void {
  const timer = setInterval(() => edges.forEach((edge) => void edge.report()), 100)
  context.after(() => clearInterval(timer))
}

test('a change is tried on one edge, and goes to all when that one has run it well for a while', async (context) => {
  const { control, edges, at } = await start(context)
  const staged = await put(control, 201)
  assert.deepEqual([staged.edges.acknowledged, staged.edges.expected, staged.ring?.edges.length, staged.ring?.stable], [1, 1, 1, staged.revision - 1])
  assert.deepEqual(at(staged.revision).length, 1)
  await waitUntil(() => at(staged.revision + 1).length === 4, { timeoutMs: 20_000, what: 'every edge to run it' })
  assert.equal(new Set(edges.map((edge) => edge.digest)).size, 1)
  assert.match((await notes(control))[0]!.note, /^revision \d+ to every edge: 1 ran it well for 1 s$/)
})

test('several rings come one after the other', async (context) => {
  const { control, at } = await start(context, { ...settings, rings: [{ edges: 1 }, { percent: 50 }] })
  const { revision } = await put(control, 201)
  await waitUntil(() => at(revision + 1).length === 2, { timeoutMs: 20_000, what: 'the second ring' })
  await waitUntil(() => at(revision + 2).length === 4, { timeoutMs: 20_000, what: 'every edge' })
})

test('a change that an edge of the ring refuses is taken back by itself, and the others never hear of it', async (context) => {
  const served: string[] = []
  const refuse = (document: Record<string, unknown>) => {
    served.push(JSON.stringify(document['routes']))
    return JSON.stringify(document['routes']).includes('503') ? 'config.refused_by_edge' : undefined
  }
  const { control, at } = await start(context, settings, { refuse })
  served.length = 0
  const staged = await control.call('PUT', '/v1/routes/a?wait=all', route(503))
  const { revision } = staged.json<Answer>()
  assert.equal(staged.status, 202)
  await waitUntil(() => at(revision + 1).length === 4, { timeoutMs: 20_000, what: 'the step back' })
  assert.equal(served.filter((text) => text.includes('503')).length, 1)
  assert.match((await notes(control))[0]!.note, new RegExp(`^back to revision ${revision - 1}: edge-\\d refused it: it does not fit here$`))
  assert.deepEqual((await control.json<{ policies: object[] }>('GET', '/v1/routes/a')).policies, route(200).policies)
})

test('a change by which an edge answers with errors is taken back by itself', async (context) => {
  const { control, edges, at } = await start(context, { ...settings, soakSeconds: 3600 })
  keepReporting(context, edges)
  const traffic = (requests: number, serverErrors = 0) => ({ requests, serverErrors, durationBounds: [0.01], durationCounts: [requests, 0] })
  for (const edge of edges) edge.traffic = traffic(1000, 500)
  const { revision, ring } = await put(control, 500)
  const state = async () => (await control.json<{ rollout: { revision: number; ring: number; rings: number; edges: string[]; secondsLeft?: number } | null }>('GET', '/v1/status')).rollout
  const { secondsLeft, ...told } = await waitUntil(async () => ((await state())?.secondsLeft === undefined ? undefined : (await state())!), { timeoutMs: 20_000, what: 'the ring to be watched' })
  assert.deepEqual(told, { revision, ring: 1, rings: 1, edges: ring!.edges })
  assert.ok(secondsLeft! > 3000)
  for (const edge of edges) edge.traffic = traffic(2000, edge.revision === revision ? 1500 : 501)
  await waitUntil(() => at(revision + 1).length === 4, { timeoutMs: 20_000, what: 'the step back' })
  assert.match((await notes(control))[0]!.note, /: 100\.0 % of 1000 requests were answered with 500 or more, 0\.1 % on the other edges$/)
  assert.deepEqual(ring!.edges.length, 1)
})

test('an edge of the ring that falls silent for good takes the change with it', async (context) => {
  const { control, edges, at } = await start(context, { ...settings, soakSeconds: 3600 })
  const { revision, ring } = await put(control, 201)
  await edges.find(({ name }) => name === ring!.edges[0])!.leave()
  await waitUntil(() => at(revision + 1).length === 3, { timeoutMs: 20_000, what: 'the step back' })
  assert.match((await notes(control))[0]!.note, /is gone since$/)
})

test('a control that starts anew goes on where the last one was, and one beside it does the same', async (context) => {
  const { surroundings, control, at } = await start(context, { ...settings, soakSeconds: 2 })
  const { revision } = await put(control, 201)
  await control.control.stop({ deadlineMs: 100 })
  await startControl(context, surroundings as Surroundings)
  await waitUntil(() => at(revision + 1).length === 4, { timeoutMs: 30_000, what: 'every edge to run it' })
})

test('a step back, and what is said to be meant for all, goes to every edge at once', async (context) => {
  const { control, at } = await start(context, { ...settings, soakSeconds: 3600 })
  const staged = await put(control, 201)
  const back = await control.json<Answer>('POST', `/v1/revisions/${staged.ring!.stable}/rollback?wait=all`)
  assert.deepEqual([back.ring, back.edges.acknowledged, at(back.revision).length], [undefined, 4, 4])
  const all = await control.json<Answer>('PUT', '/v1/config?wait=all&everywhere=true', { version: 1, rollout: settings, routes: [{ name: 'a', ...route(202) }] })
  assert.deepEqual([all.ring, all.edges.acknowledged], [undefined, 4])
})
