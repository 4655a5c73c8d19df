import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createConfigKeys, createConfigSigner } from '@sluice/buses/config-feed'
import { listen } from '@sluice/buses/rpc'
import type { ConfigStore } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import { readBreakGlass } from '@sluice/proto/break-glass'
import { BreakGlassNoticeSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { ControlClient, makeControl, makeSurroundings, startControl, type Surroundings, upstream, route } from './control-under-test.ts'
import { SimulatedEdge } from './simulated-edge.ts'

interface Order {
  readonly id: string
  readonly state: string
  readonly summary: string
  readonly endedBy?: string
  readonly edges: readonly string[]
  readonly receipt?: { readonly edges: { readonly acknowledged: number; readonly missing: readonly string[] } }
}

/** A store that can be taken away: reading goes on, as on the smaller side of a split, or nothing does. */
function losable(store: ConfigStore) {
  const state = { lost: 'nothing' as 'nothing' | 'writes' | 'all' }
  const writes = new Set(['commit', 'write', 'requireWritable', 'appendAudit', 'saveEdge', 'removeEdge'])
  const proxy = new Proxy(store, {
    get(target, name: keyof ConfigStore) {
      const found = target[name]
      if (typeof found !== 'function') return found
      if (name !== 'watch' && (state.lost === 'all' || (state.lost === 'writes' && writes.has(name)))) return () => Promise.reject(new SluiceError('dependency.store_unreachable'))
      return found.bind(target)
    },
  })
  return { state, store: proxy }
}

async function underTest(context: TestContext) {
  const surroundings = await makeSurroundings(context)
  const { state, store } = losable(surroundings.store)
  const with_ = { ...surroundings, store }
  const control = await startControl(context, with_)
  await control.json('PUT', '/v1/upstreams/users', upstream())
  await control.json('PUT', '/v1/routes/get-user', route('get-user'))
  return { surroundings: with_, state, control }
}

async function joinEdge(context: TestContext, { bus }: Surroundings, name = 'edge-1'): Promise<SimulatedEdge> {
  const edge = new SimulatedEdge(bus, { name })
  context.after(() => edge.stop())
  return edge.start()
}

const off = { order: { action: 'disable-route', route: 'get-user' } }
const make = (control: ControlClient, body: object = off, query = '') => control.call('POST', `/v1/break-glass${query}`, body)
const list = async (control: ControlClient) => (await control.json<{ items: Order[] }>('GET', '/v1/break-glass')).items
const audited = async ({ store }: Surroundings) => (await store.listAudit('default', { limit: 50 })).filter(({ action }) => /break-glass|end order/.test(action)).map(({ actor, action, outcome }) => [actor, action, outcome])

test('while the store takes changes an order is refused with what to do instead, unless it is forced', async (context) => {
  const { control } = await underTest(context)
  const refused = await make(control)
  assert.deepEqual([refused.status, refused.json<{ reason: string }>().reason], [409, 'config.store_writable'])
  assert.match(refused.json<{ detail: string }>().detail, /change the configuration/)
  assert.deepEqual(await list(control), [])
  assert.equal((await make(control, off, '?force=true')).status, 201)
})

test('with the store away an order reaches the edges, is shown, and is in the audit log once the store is back', async (context) => {
  const { surroundings, state, control } = await underTest(context)
  const edge = await joinEdge(context, surroundings)
  state.lost = 'all'
  const answered = await make(control, { ...off, note: 'it burns' }, '?wait=all')
  assert.equal(answered.status, 201, answered.body)
  const order = answered.json<Order>()
  assert.deepEqual([order.summary, order.edges, order.receipt?.edges], ['disable route get-user', ['edge-1'], { acknowledged: 1, expected: 1, missing: [] }])
  assert.deepEqual([...edge.orders], [order.id])
  const shown = await control.json<{ head: { revision: number }; breakGlass: { id: string }[] }>('GET', '/v1/status')
  assert.deepEqual([shown.head.revision, shown.breakGlass.map(({ id }) => id)], [3, [order.id]])
  assert.deepEqual((await control.json<{ items: { breakGlass?: string[] }[] }>('GET', '/v1/edges')).items.map(({ breakGlass }) => breakGlass), [[order.id]])
  const ended = await control.call('DELETE', `/v1/break-glass/${order.id}?wait=all`)
  assert.deepEqual([ended.status, ended.json<Order>().state, [...edge.orders]], [200, 'ended', []])
  state.lost = 'nothing'
  await waitUntil(async () => (await audited(surroundings)).length === 2, { timeoutMs: 15_000, what: 'the audit log to be told' })
  const [end, made] = await audited(surroundings)
  assert.deepEqual([made?.[0], made?.[1], end?.[1]], ['admin', 'POST /v1/break-glass (disable route get-user)', `DELETE /v1/break-glass/${order.id} (disable route get-user)`])
  assert.match(made?.[2] ?? '', new RegExp(`order ${order.id} until .*: it burns`))
})

test('where the store can be read and takes no changes, as on the smaller side of a split, orders are taken', async (context) => {
  const { state, control } = await underTest(context)
  state.lost = 'writes'
  assert.equal((await control.call('PUT', '/v1/upstreams/users', upstream(2))).status, 503)
  assert.equal((await make(control)).status, 201)
})

test('orders that stand survive a restart of control that has no store to ask, and so does what the audit log has not heard', async (context) => {
  const surroundings = await makeSurroundings(context)
  const { state, store } = losable(surroundings.store)
  const first = makeControl({ ...surroundings, store })
  await first.start()
  state.lost = 'all'
  const made = await make(new ControlClient(first), { order: { action: 'block-address', address: '192.0.2.0/24' } })
  assert.equal(made.status, 201, made.body)
  await first.stop({ deadlineMs: 100 })
  const again = await startControl(context, { ...surroundings, store })
  const { id } = made.json<Order>()
  const edge = await joinEdge(context, surroundings)
  await waitUntil(() => edge.orders.has(id), { timeoutMs: 15_000, what: 'the edge to hear of the order again' })
  assert.deepEqual((await list(again)).map((order) => [order.id, order.state]), [[id, 'in force']])
  state.lost = 'nothing'
  await waitUntil(async () => (await audited(surroundings)).length === 1, { timeoutMs: 15_000, what: 'the audit log to be told' })
})

test('a later revision that says the same takes an order over once the edges run it', async (context) => {
  const { surroundings, state, control } = await underTest(context)
  const edge = await joinEdge(context, surroundings)
  state.lost = 'all'
  const { id } = (await make(control)).json<Order>()
  const drained = (await make(control, { order: { action: 'weight', upstream: 'users', endpoint: upstream().endpoints[0]!.url, weight: 0 } })).json<Order>()
  state.lost = 'nothing'
  await control.json('DELETE', '/v1/routes/get-user?wait=all')
  await waitUntil(async () => (await list(control)).find((order) => order.id === id)?.state === 'ended', { timeoutMs: 15_000, what: 'the order to be taken over' })
  assert.equal((await list(control)).find((order) => order.id === id)?.endedBy, 'revision 4')
  await waitUntil(() => [...edge.orders].join() === drained.id, { what: 'the edge to obey the other one alone' })
  await control.json('PUT', '/v1/upstreams/users?wait=all', { endpoints: [{ ...upstream().endpoints[0]!, weight: 0 }] })
  await waitUntil(() => edge.orders.size === 0, { timeoutMs: 15_000, what: 'the other one to be taken over' })
  await waitUntil(async () => (await audited(surroundings)).some(([actor, , outcome]) => actor === 'control' && outcome === 'taken over by revision 5'), { timeoutMs: 15_000 })
})

test('an order ends with its time, a day at most', async (context) => {
  const surroundings = await makeSurroundings(context)
  const clock = createFakeClock()
  const control = await startControl(context, surroundings, { clock })
  assert.equal((await make(control, { order: { action: 'block-consumer', consumer: 'acme' }, forSeconds: 86_401 }, '?force=true')).status, 400)
  assert.equal((await make(control, { order: { action: 'block-consumer', consumer: 'acme' }, forSeconds: 60 }, '?force=true')).status, 201)
  clock.advance(59_999)
  assert.deepEqual((await list(control)).map(({ state }) => state), ['in force'])
  clock.advance(1)
  assert.deepEqual(await list(control), [])
})

test('what is not there, and what is not on the list, is refused with what was expected', async (context) => {
  const { control } = await underTest(context)
  const refusal = async (order: object) => {
    const { status, body } = await make(control, { order }, '?force=true')
    return [status, body] as const
  }
  for (const [order, message] of [
    [{ action: 'disable-route', route: 'nobody' }, /no route \\"nobody\\"/],
    [{ action: 'drain', upstream: 'nobody' }, /no upstream \\"nobody\\"/],
    [{ action: 'drain', upstream: 'users', endpoint: 'http://127.0.0.1:9' }, /it has http:\/\/127\.0\.0\.1:1/],
  ] as const) {
    const [status, body] = await refusal(order)
    assert.equal(status, 404)
    assert.match(body, message)
  }
  for (const order of [{ action: 'reboot' }, { action: 'block-address', address: 'everybody' }, { action: 'disable-route' }]) assert.equal((await refusal(order))[0], 400)
  assert.equal((await control.call('DELETE', '/v1/break-glass/nobody')).status, 404)
})

test('an operator may give orders, a viewer may look at them', async (context) => {
  const surroundings = await makeSurroundings(context)
  const digest = (token: string) => createHash('sha256').update(token).digest('hex')
  const tokens = [{ name: 'ops', role: 'operator', sha256: digest('operator-token-of-tests') }, { name: 'eye', role: 'viewer', sha256: digest('viewer-token-of-tests') }]
  writeFileSync(join(surroundings.directory, 'admin-tokens.json'), JSON.stringify(tokens))
  const control = await startControl(context, surroundings)
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  const body = { order: { action: 'block-address', address: '192.0.2.1' } }
  assert.equal((await control.call('POST', '/v1/break-glass?force=true', body, as('viewer-token-of-tests'))).status, 403)
  const made = await control.call('POST', '/v1/break-glass?force=true', body, as('operator-token-of-tests'))
  assert.equal(made.status, 201, made.body)
  assert.equal(made.json<{ madeBy: string }>().madeBy, 'ops')
  assert.equal((await control.call('GET', '/v1/break-glass', undefined, as('viewer-token-of-tests'))).status, 200)
})

test('all controls of a datacenter keep the same orders, and any of them ends one', async (context) => {
  const keys = createConfigKeys()
  const signer = createConfigSigner(keys.privateKey)
  const surroundings = await makeSurroundings(context)
  const other = { ...(await makeSurroundings(context)), bus: surroundings.bus }
  const [one, two] = [await startControl(context, surroundings, { signer, datacenter: 'dc1' }), await startControl(context, other, { signer, datacenter: 'dc1' })]
  const elsewhere = await startControl(context, { ...(await makeSurroundings(context)), bus: surroundings.bus }, { signer, datacenter: 'dc2' })
  const forged = await startControl(context, { ...(await makeSurroundings(context)), bus: surroundings.bus }, { signer: createConfigSigner(createConfigKeys().privateKey), datacenter: 'dc1' })
  const notices: { entries: string; signature: Uint8Array }[] = []
  listen(surroundings.bus, subjects.breakGlass('default', 'dc1'), BreakGlassNoticeSchema, (notice) => void notices.push(notice))
  const body = { order: { action: 'block-credential', credential: 'k7' } }
  const { id } = (await make(one, body, '?force=true')).json<Order>()
  await waitUntil(async () => (await list(two)).length === 1)
  assert.deepEqual(readBreakGlass(notices[0]!.entries).map((entry) => entry.id), [id])
  assert.ok(signer.hasSignedOrders({ scope: 'default', datacenter: 'dc1', entries: notices[0]!.entries }, notices[0]!.signature))
  assert.equal((await two.call('DELETE', `/v1/break-glass/${id}`)).status, 200)
  await waitUntil(async () => (await list(one))[0]?.state === 'ended')
  assert.deepEqual([await list(elsewhere), await list(forged)], [[], []])
})
