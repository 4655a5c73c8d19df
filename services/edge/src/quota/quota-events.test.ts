import assert from 'node:assert/strict'
import { test } from 'node:test'
import { busNamed } from '@sluice/buses'
import { listen } from '@sluice/buses/rpc'
import { QuotaReachedSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { QuotaEvents } from './quota-events.ts'

const event = { consumer: 'acme', place: { level: 'plan:free', name: 'plan-quota' }, route: undefined, percent: 80, limit: 100, period: 'month', window: '2026-11' } as const

test('what a consumer has reached is told to control, and no more than a hundred times in a second', async (context) => {
  const bus = (await busNamed('local').load()).createLocalBus({})
  context.after(() => bus.drain(1000))
  const clock = createFakeClock(Date.UTC(2026, 10, 22))
  const heard: { consumer: string; atMs: number; level: string; edge: string }[] = []
  listen(bus, subjects.quotaReached('default'), QuotaReachedSchema, ({ consumer, atMs, level, edge }) => void heard.push({ consumer, atMs, level, edge }))
  let dropped = 0
  const events = new QuotaEvents({ bus, scope: 'default', edge: 'edge-1', datacenter: 'dc1', clock, onDropped: () => dropped++ })
  for (let index = 0; index < 103; index++) events.tell(event)
  assert.equal(dropped, 3)
  clock.advance(1000)
  events.tell(event)
  await waitUntil(() => heard.length === 101, { what: 'the events to be heard' })
  assert.deepEqual(heard[0], { consumer: 'acme', atMs: Date.UTC(2026, 10, 22), level: 'plan:free', edge: 'edge-1' })
  assert.equal(dropped, 3)
})
