import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { announce } from '@sluice/buses/rpc'
import { QuotaReachedSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { waitUntil } from '@sluice/testkit'
import { makeControl, makeSurroundings, startControl } from './control-under-test.ts'

interface Event {
  readonly consumer: string
  readonly percent: number
}

async function eventsUnderTest(context: Parameters<typeof makeSurroundings>[0]) {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const reached = { scope: 'default', edge: 'edge-1', datacenter: 'dc1', atMs: Date.parse('2026-11-22T10:00:00Z'), consumer: 'acme', level: 'plan:free', name: 'plan-quota', route: '', percent: 80, limit: 1000, period: 'month', window: '2026-11' }
  const tell = (changes: Partial<typeof reached> = {}) => announce(surroundings.bus, subjects.quotaReached('default'), QuotaReachedSchema, { ...reached, ...changes })
  const items = async (query = '') => (await control.json<{ items: Event[] }>('GET', `/v1/events${query}`)).items
  return { control, tell, items }
}

test('who has reached 80 and 100 % of a quota is told once a period, the newest first', async (context) => {
  const { control, tell, items } = await eventsUnderTest(context)
  assert.deepEqual(await items(), [])
  for (const percent of [80, 80, 100]) tell({ percent })
  tell({ consumer: 'other', route: 'get-user' })
  await waitUntil(async () => (await items()).length === 3, { what: 'the events to be heard' })
  assert.deepEqual(await items('?consumer=acme&limit=1'), [
    { kind: 'quota-reached', time: '2026-11-22T10:00:00.000Z', consumer: 'acme', at: 'plan:free', name: 'plan-quota', percent: 100, limit: 1000, period: 'month', window: '2026-11', datacenter: 'dc1', edge: 'edge-1' },
  ])
  assert.deepEqual((await items()).map(({ consumer, percent }) => [consumer, percent]), [['other', 80], ['acme', 100], ['acme', 80]])
  assert.equal((await control.call('GET', '/v1/events?consumr=acme')).status, 400)
})

test('events are there after a restart, and heard again they are no news', async (context) => {
  const surroundings = await makeSurroundings(context)
  const before = makeControl(surroundings)
  await before.start()
  const reached = { scope: 'default', edge: 'edge-1', datacenter: '', atMs: Date.now(), consumer: 'acme', level: 'plan:free', name: 'plan-quota', route: '', percent: 80, limit: 1000, period: 'month', window: '2026-11' }
  const tell = (changes: Partial<typeof reached> = {}) => announce(surroundings.bus, subjects.quotaReached('default'), QuotaReachedSchema, { ...reached, ...changes })
  tell()
  tell({ percent: 100, atMs: reached.atMs + 1 })
  await waitUntil(async () => (await surroundings.store.listEvents('default', { limit: 10 })).length === 2, { what: 'the store to have the events' })
  await before.stop({ deadlineMs: 100 })
  const control = await startControl(context, surroundings)
  const items = async () => (await control.json<{ items: Event[] }>('GET', '/v1/events')).items.map(({ percent }) => percent)
  assert.deepEqual(await items(), [100, 80])
  tell({ atMs: reached.atMs + 2 })
  tell({ percent: 90, atMs: reached.atMs + 3 })
  await waitUntil(async () => (await items()).length === 3, { what: 'the new one to be heard' })
  assert.deepEqual(await items(), [90, 100, 80])
})

test('what is heard while the store is away is in it once it is back, the newest of it', async (context) => {
  const surroundings = await makeSurroundings(context)
  let isAway = true
  const store = new Proxy(surroundings.store, {
    get: (target, name: 'appendEvent') => {
      if (name === 'appendEvent' && isAway) return () => Promise.reject(new SluiceError('dependency.store_unreachable'))
      const found: unknown = target[name]
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
  const control = await startControl(context, { ...surroundings, store })
  for (let index = 0; index < 1100; index++) announce(surroundings.bus, subjects.quotaReached('default'), QuotaReachedSchema, { scope: 'default', edge: 'e', atMs: Date.now() + index, consumer: `c${index}`, level: 'global', name: 'q', percent: 80, limit: 1, period: 'day', window: '2026-11-22' })
  await waitUntil(async () => (await control.json<{ items: Event[] }>('GET', '/v1/events?limit=1')).items[0]?.consumer === 'c1099', { what: 'the last event to be heard' })
  assert.deepEqual(await surroundings.store.listEvents('default', { limit: 1 }), [])
  isAway = false
  await waitUntil(async () => (await surroundings.store.listEvents('default', { limit: 2000 })).length === 1000, { timeoutMs: 30_000, what: 'the store to have the newest thousand' })
})

test('of events a thousand are kept, the newest', async (context) => {
  const { tell, items } = await eventsUnderTest(context)
  for (let index = 0; index < 1005; index++) tell({ consumer: `c${index}` })
  await waitUntil(async () => (await items('?limit=1'))[0]?.consumer === 'c1004', { what: 'the last event to be heard' })
  const held = await items('?limit=1000')
  assert.deepEqual([held.length, held.at(-1)!.consumer], [1000, 'c5'])
})
