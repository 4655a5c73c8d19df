// CP: what an operator can still do while the store takes no changes: orders that reach the edges over the bus, survive restarts and end
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const consumer = 'glass-acme'

interface Order {
  readonly id: string
  readonly edges: readonly string[]
  readonly receipt?: { readonly edges: { readonly missing: readonly string[] } }
}

async function everywhere(system: System, path: string, headers: Record<string, string>, status: number): Promise<void> {
  for (const { url, name } of system.edges) {
    for (let round = 0; round < 8; round++) assert.equal((await fetchOnce(url + path, { headers })).status, status, `${path} on ${name}`)
  }
}

export const breakGlass: Case = {
  name: 'while the store takes no changes an operator can still block, drain and switch off, on every edge and for a time',
  async run(system, t) {
    const [one, two] = [await startUpstream(t, answer(200, 'one')), await startUpstream(t, answer(200, 'two'))]
    await system.apply({
      upstreams: { 'glass-users': { endpoints: [{ url: one.url }, { url: two.url }] } },
      routes: [
        { name: 'glass-open', match: { path: '/glass-open' }, upstream: 'glass-users' },
        { name: 'glass-keyed', match: { path: '/glass-keyed' }, policies: [{ 'key-auth': {} }, { 'fixed-response': { body: 'in' } }] },
      ],
    })
    await makeConsumer(system, consumer)
    const { key } = await makeKeyOf(system, consumer)
    await everywhere(system, '/glass-keyed', withKey(key).headers, 200)
    const query = system.mode === 'embedded' ? '?wait=all&force=true' : '?wait=all'
    const order = async (wanted: object): Promise<Order> => {
      const made = await system.admin('POST', `/v1/break-glass${query}`, { order: wanted })
      assert.equal(made.status, 201, made.body)
      return made.json<Order>()
    }

    await t.test('as long as the store takes changes an order is refused, with what to do instead', async () => {
      const { status, body } = await system.admin('POST', '/v1/break-glass', { order: { action: 'disable-route', route: 'glass-open' } })
      assert.equal(status, 409)
      assert.match(body, /config\.store_writable/)
    })

    const store = system.servers?.store
    t.after(() => store?.open())
    await store?.cut()
    let off: Order
    let blocked: Order

    await t.test('a consumer is blocked, a route is switched off, an endpoint drained, on every edge once it is answered', async () => {
      blocked = await order({ action: 'block-consumer', consumer })
      assert.deepEqual([...blocked.edges].sort(), system.edges.map(({ name }) => name).sort())
      await everywhere(system, '/glass-keyed', withKey(key).headers, 403)
      await order({ action: 'drain', upstream: 'glass-users', endpoint: one.url })
      await everywhere(system, '/glass-open', {}, 200)
      const asked = one.requests.length
      await everywhere(system, '/glass-open', {}, 200)
      assert.equal(one.requests.length, asked)
      off = await order({ action: 'disable-route', route: 'glass-open' })
      await everywhere(system, '/glass-open', {}, 503)
    })

    await t.test('the command line shows them', async () => {
      const { code, stdout, stderr } = await system.cli(['break-glass', 'list'])
      assert.equal(code, 0, stderr)
      assert.match(stdout, /block consumer glass-acme/)
      assert.match((await system.cli(['status'])).stdout, /BREAK-GLASS .* disable route glass-open/)
    })

    await t.test('ended by hand, the route answers again', async () => {
      const ended = await system.admin('DELETE', `/v1/break-glass/${off.id}?wait=all`)
      assert.equal(ended.status, 200, ended.body)
      await everywhere(system, '/glass-open', {}, 200)
    })

    await t.test('with the store back the audit log has them, and a revision that says the same takes one over', async () => {
      await store?.open()
      const entries = async () => (await system.admin('GET', '/v1/audit?limit=200')).body
      await waitUntil(async () => (await entries()).includes('block consumer glass-acme'), { timeoutMs: 30_000, what: 'the audit log to have the orders' })
      const weighted = { endpoints: [{ url: one.url, weight: 0 }, { url: two.url }] }
      await waitUntil(async () => (await system.admin('PUT', '/v1/upstreams/glass-users?wait=all', weighted)).status < 300, { timeoutMs: 30_000, what: 'a change to be taken' })
      const drained = async () => (await system.admin('GET', '/v1/break-glass')).json<{ items: { summary: string; state: string; endedBy?: string }[] }>().items.find(({ summary }) => summary.startsWith('drain'))
      await waitUntil(async () => (await drained())?.state === 'ended', { timeoutMs: 30_000, what: 'the order to be taken over' })
      assert.match((await drained())?.endedBy ?? '', /^revision \d+$/)
      await everywhere(system, '/glass-keyed', withKey(key).headers, 403)
      assert.equal((await system.admin('DELETE', `/v1/break-glass/${blocked.id}?wait=all`)).status, 200)
      await everywhere(system, '/glass-keyed', withKey(key).headers, 200)
    })
  },
}
