import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { announce } from '@sluice/buses/rpc'
import type { BreakGlassEntry, BreakGlassOrder } from '@sluice/proto/break-glass'
import { BreakGlassNoticeSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { answer, type Cleanup, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { type EdgeUnderTest, startEdge } from './edge-harness.ts'

const scope = 'default'
let version = Date.now()

function entryOf(id: string, order: BreakGlassOrder, facts: Partial<BreakGlassEntry> = {}): BreakGlassEntry {
  const now = Date.now()
  return { id, version: ++version, order, madeBy: 'anna', madeAtMs: now, untilMs: now + 3_600_000, note: '', revision: 1, ...facts }
}

function send({ bus }: EdgeUnderTest, entries: readonly BreakGlassEntry[], datacenter = ''): void {
  announce(bus, subjects.breakGlass(scope, datacenter), BreakGlassNoticeSchema, { scope, datacenter, entries: JSON.stringify(entries) })
}

/** Sends them and resolves once the edge reports that it obeys exactly these. */
async function order(under: EdgeUnderTest, ...entries: BreakGlassEntry[]): Promise<void> {
  send(under, entries)
  await obeying(under, entries.filter(({ endedBy }) => endedBy === undefined))
}

async function obeying({ reports }: EdgeUnderTest, entries: readonly BreakGlassEntry[]): Promise<void> {
  const wanted = entries.map((entry) => `${entry.id}@${entry.version}`).sort().join()
  await waitUntil(() => [...(reports.at(-1)?.orders ?? ['none yet'])].sort().join() === wanted, { timeoutMs: 20_000, what: `the edge to obey ${wanted}` })
}

async function twoEndpoints(t: Cleanup) {
  const [one, two] = [await startUpstream(t, answer(200, 'one')), await startUpstream(t, answer(200, 'two'))]
  const document = {
    upstreams: { users: { endpoints: [{ url: one.url }, { url: two.url }] } },
    routes: [{ name: 'users', match: { pathPrefix: '/users' }, upstream: 'users' }, { name: 'other', match: { path: '/other' }, policies: [{ 'fixed-response': { body: 'other' } }] }],
  }
  return { one, two, document }
}

async function bodies(under: EdgeUnderTest, path = '/users', times = 8): Promise<string[]> {
  const found = new Set<string>()
  for (let time = 0; time < times; time++) found.add((await fetchOnce(under.url + path)).body)
  return [...found].sort()
}

const reasonOf = async (under: EdgeUnderTest, path: string) => {
  const { status, body } = await fetchOnce(under.url + path)
  return [status, (JSON.parse(body) as { error: { reason: string } }).error.reason]
}

it('a route is switched off on every worker, the others go on, and it comes back when the order is ended', async (t) => {
  const { document } = await twoEndpoints(t)
  const under = await startEdge(t, document, { workers: 2 })
  const off = entryOf('a1', { action: 'disable-route', route: 'users' })
  await order(under, off)
  for (let time = 0; time < 8; time++) assert.deepEqual(await reasonOf(under, '/users'), [503, 'policy.route_disabled'])
  assert.equal((await fetchOnce(`${under.url}/other`)).body, 'other')
  await order(under, { ...off, version: ++version, endedBy: 'anna' })
  assert.deepEqual(await bodies(under), ['one', 'two'])
})

it('an old message does not begin again what was ended', async (t) => {
  const { document } = await twoEndpoints(t)
  const under = await startEdge(t, document)
  const off = entryOf('b1', { action: 'disable-route', route: 'users' })
  await order(under, off)
  await order(under, { ...off, version: ++version, endedBy: 'anna' })
  const mark = entryOf('b2', { action: 'disable-route', route: 'other' })
  send(under, [off])
  await order(under, mark)
  assert.deepEqual(await bodies(under), ['one', 'two'])
})

it('an endpoint is drained or given another weight, an upstream is drained, and a change of the configuration leaves that alone', async (t) => {
  const { one, two, document } = await twoEndpoints(t)
  const under = await startEdge(t, document)
  const drained = entryOf('c1', { action: 'drain', upstream: 'users', endpoint: one.url })
  await order(under, drained)
  assert.deepEqual(await bodies(under), ['two'])
  await under.apply({ ...document, upstreams: { users: { ...document.upstreams.users, drainSeconds: 20 } } })
  assert.deepEqual(await bodies(under), ['two'])
  const light = entryOf('c2', { action: 'weight', upstream: 'users', endpoint: two.url, weight: 0 })
  await order(under, { ...drained, version: ++version, endedBy: 'anna' }, light)
  assert.deepEqual(await bodies(under), ['one'])
  await order(under, { ...light, version: ++version, endedBy: 'anna' }, entryOf('c3', { action: 'drain', upstream: 'users' }))
  assert.deepEqual(await reasonOf(under, '/users'), [503, 'upstream.none_healthy'])
})

it('an address is let in nowhere', async (t) => {
  const { document } = await twoEndpoints(t)
  const under = await startEdge(t, document)
  const blocked = entryOf('d1', { action: 'block-address', address: '127.0.0.0/8' })
  await order(under, blocked)
  for (const path of ['/users', '/other']) assert.deepEqual(await reasonOf(under, path), [403, 'policy.blocked'])
  await under.apply({ ...document, routes: [...document.routes, { name: 'new', match: { path: '/new' }, upstream: 'users' }] })
  assert.deepEqual(await reasonOf(under, '/new'), [403, 'policy.blocked'])
  await order(under, { ...blocked, version: ++version, endedBy: 'anna' })
  assert.deepEqual(await bodies(under, '/new'), ['one', 'two'])
})

it('an order ends with its time, though nobody says so', async (t) => {
  const { document } = await twoEndpoints(t)
  const under = await startEdge(t, document)
  await order(under, entryOf('e1', { action: 'disable-route', route: 'users' }, { untilMs: Date.now() + 3000 }))
  await obeying(under, [])
  assert.deepEqual(await bodies(under), ['one', 'two'])
})

it('an edge that is started again obeys from its first request on, without hearing of the orders again', async (t) => {
  const { document } = await twoEndpoints(t)
  const directory = await mkdtemp(join(tmpdir(), 'sluice-edge-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const before = await startEdge(t, document, { directory })
  await order(before, entryOf('f1', { action: 'disable-route', route: 'users' }))
  await before.edge.stop({ deadlineMs: 500 })
  const again = await startEdge(t, undefined, { directory, port: before.port })
  await again.edge.serving()
  assert.deepEqual(await reasonOf(again, '/users'), [503, 'policy.route_disabled'])
  assert.equal((await fetchOnce(`${again.url}/other`)).body, 'other')
})

it('a worker that takes the place of another obeys from its first request on', async (t) => {
  const { document } = await twoEndpoints(t)
  const under = await startEdge(t, document)
  const off = entryOf('g1', { action: 'disable-route', route: 'users' })
  await order(under, off)
  await under.edge.restartWorkers()
  assert.deepEqual(await reasonOf(under, '/users'), [503, 'policy.route_disabled'])
  await obeying(under, [off])
})

it('an edge that has refused a revision obeys all the same, and stays on what it runs', async (t) => {
  const { document } = await twoEndpoints(t)
  const under = await startEdge(t, document)
  const report = await under.apply({ ...document, routes: [{ name: 'other', match: { path: '/other' }, upstream: 'nowhere' }] })
  assert.equal(report.refusal?.pointer, '/routes/other')
  await order(under, entryOf('h1', { action: 'disable-route', route: 'users' }))
  assert.deepEqual(await reasonOf(under, '/users'), [503, 'policy.route_disabled'])
  assert.equal((await fetchOnce(`${under.url}/other`)).body, 'other')
  assert.equal((await under.apply(document)).refusal, undefined)
  assert.deepEqual(await reasonOf(under, '/users'), [503, 'policy.route_disabled'])
})

it('orders for another datacenter are not for this edge', async (t) => {
  const { document } = await twoEndpoints(t)
  const under = await startEdge(t, document, { datacenter: 'dc1' })
  send(under, [entryOf('i1', { action: 'disable-route', route: 'users' })], 'dc2')
  const own = entryOf('i2', { action: 'disable-route', route: 'other' })
  send(under, [own], 'dc1')
  await obeying(under, [own])
  assert.deepEqual(await bodies(under), ['one', 'two'])
})
