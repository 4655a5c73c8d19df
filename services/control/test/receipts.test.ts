import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { type ControlClient, makeControl, makeSurroundings, startControl, type Surroundings, upstream } from './control-under-test.ts'
import { type EdgeOptions, SimulatedEdge } from './simulated-edge.ts'

interface Receipt {
  readonly revision: number
  readonly edges: { acknowledged: number; expected: number; missing: string[]; refused?: { edge: string; code: string; pointer: string }[] }
  readonly propagationMs?: number
}

async function joinEdge(context: TestContext, { bus }: Surroundings, options: EdgeOptions): Promise<SimulatedEdge> {
  const edge = new SimulatedEdge(bus, options)
  context.after(() => edge.stop())
  return edge.start()
}

/** A change that makes a new revision each time. */
let port = 1
const change = (control: ControlClient, query = '?wait=all') => control.call('PUT', `/v1/upstreams/users${query}`, upstream(++port))

test('a receipt says how many edges run the revision, and how long it took', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const edges = [await joinEdge(context, surroundings, { name: 'a' }), await joinEdge(context, surroundings, { name: 'b' })]
  const answer = await change(control)
  const { revision, edges: told, propagationMs } = answer.json<Receipt>()
  assert.deepEqual([answer.status, told], [201, { acknowledged: 2, expected: 2, missing: [] }])
  assert.ok(propagationMs !== undefined && propagationMs >= 0 && propagationMs < 5000)
  assert.match(String(answer.headers['server-timing']), /^check;dur=[\d.]+, store;dur=[\d.]+, edges;dur=[\d.]+$/)
  assert.deepEqual(edges.map((edge) => edge.revision), [revision, revision])
  await waitUntil(() => surroundings.log.some((line) => line.includes(`revision ${revision}: 2/2 edges effective in `)))
})

test('without any edge a receipt is 0 of 0', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  const answer = await change(control)
  assert.deepEqual([answer.status, answer.json<Receipt>().edges], [201, { acknowledged: 0, expected: 0, missing: [] }])
})

test('an edge that is behind is named when the time is up, and its own pace is nobody else\'s matter', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  await joinEdge(context, surroundings, { name: 'quick' })
  const slow = await joinEdge(context, surroundings, { name: 'slow' })
  const { promise, resolve } = Promise.withResolvers<void>()
  slow.hold = promise
  const late = await change(control, '?wait=all&timeoutMs=200')
  assert.deepEqual([late.status, late.json<Receipt>().edges], [202, { acknowledged: 1, expected: 2, missing: ['slow'] }])
  assert.equal(late.json<Receipt>().propagationMs, undefined)
  slow.hold = undefined
  resolve()
  assert.deepEqual((await change(control)).json<Receipt>().edges, { acknowledged: 2, expected: 2, missing: [] })
})

test('an edge that joins while a receipt is waited for is waited for, too', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const first = await joinEdge(context, surroundings, { name: 'first' })
  const { promise, resolve } = Promise.withResolvers<void>()
  first.hold = promise
  const waiting = change(control)
  await waitUntil(async () => (await control.json<{ head: { revision: number } }>('GET', '/v1/status')).head.revision === 2)
  await joinEdge(context, surroundings, { name: 'second' })
  resolve()
  assert.deepEqual((await waiting).json<Receipt>().edges, { acknowledged: 2, expected: 2, missing: [] })
})

test('an edge that refuses a revision ends the wait at once, with its reason', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const edge = await joinEdge(context, surroundings, { name: 'picky', refuse: (document) => (JSON.stringify(document).includes(':666') ? 'config.invalid' : undefined) })
  const refused = await control.call('PUT', '/v1/upstreams/users?wait=all&timeoutMs=60000', upstream(666))
  assert.equal(refused.status, 202)
  const { edges, revision } = refused.json<Receipt>()
  assert.deepEqual(edges.missing, ['picky'])
  assert.deepEqual(edges.refused?.map(({ edge: name, code, pointer }) => [name, code, pointer]), [['picky', 'config.invalid', '/routes/0']])
  assert.ok(edge.revision < revision)
  const listed = await control.json<{ items: { refusal: { revision: number } }[] }>('GET', '/v1/edges')
  assert.equal(listed.items[0]?.refusal.revision, revision)
  assert.deepEqual((await change(control)).json<Receipt>().edges.missing, [])
})

test('an edge that says goodbye is not waited for', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const edge = await joinEdge(context, surroundings, { name: 'leaver' })
  await edge.leave()
  assert.deepEqual((await change(control)).json<Receipt>().edges, { acknowledged: 0, expected: 0, missing: [] })
  const { items } = await control.json<{ items: { name: string; state: string }[] }>('GET', '/v1/edges')
  assert.deepEqual(items.map(({ name, state }) => [name, state]), [['leaver', 'leaving']])
  assert.deepEqual(await surroundings.store.edges('default'), [])
})

test('an edge that has been silent for half a minute is missing, and not waited for', async (context) => {
  const surroundings = await makeSurroundings(context)
  const clock = createFakeClock()
  const control = await startControl(context, surroundings, { clock })
  const edge = await joinEdge(context, surroundings, { name: 'silent' })
  edge.stop()
  clock.advance(29_999)
  assert.deepEqual((await change(control, '?wait=all&timeoutMs=50')).json<Receipt>().edges.missing, ['silent'])
  clock.advance(1)
  assert.deepEqual((await change(control)).json<Receipt>().edges, { acknowledged: 0, expected: 0, missing: [] })
  await waitUntil(async () => (await surroundings.store.edges('default')).length === 0)
})

test('a second edge of one name is refused with the reason, a restarted one takes its place', async (context) => {
  const surroundings = await makeSurroundings(context)
  await startControl(context, surroundings)
  const first = await joinEdge(context, surroundings, { name: 'edge-1', instance: 'one' })
  const second = await joinEdge(context, surroundings, { name: 'edge-1', instance: 'two' })
  assert.equal(second.lastReply?.accepted, false)
  assert.match(second.lastReply?.reason ?? '', /another live edge has the name "edge-1"/)
  first.stop()
  const restarted = await joinEdge(context, surroundings, { name: 'edge-1', instance: 'one' })
  assert.equal(restarted.lastReply?.accepted, true)
})

test('a control that has just started does not answer for edges that it has not heard yet', async (context) => {
  const surroundings = await makeSurroundings(context)
  const before = makeControl(surroundings)
  await before.start()
  const edge = await joinEdge(context, surroundings, { name: 'edge-1' })
  await before.stop({ deadlineMs: 100 })
  edge.stop()
  const control = await startControl(context, surroundings)
  assert.deepEqual((await change(control, '?wait=all&timeoutMs=100')).json<Receipt>().edges, { acknowledged: 0, expected: 1, missing: ['edge-1'] })
})

test('a control that has just started asks the edges, so that receipts are whole at once', async (context) => {
  const surroundings = await makeSurroundings(context)
  const before = makeControl(surroundings)
  await before.start()
  await joinEdge(context, surroundings, { name: 'edge-1' })
  await before.stop({ deadlineMs: 100 })
  const control = await startControl(context, surroundings)
  assert.deepEqual((await change(control)).json<Receipt>().edges, { acknowledged: 1, expected: 1, missing: [] })
})

test('a revision of another control reaches the edges of this one', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const other = await startControl(context, { ...surroundings, log: [] })
  const edge = await joinEdge(context, surroundings, { name: 'edge-1' })
  const { revision } = (await change(other)).json<Receipt>()
  assert.equal(edge.revision, revision)
  assert.equal((await control.json<{ edges: { atHead: number } }>('GET', '/v1/status')).edges.atHead, 1)
})
