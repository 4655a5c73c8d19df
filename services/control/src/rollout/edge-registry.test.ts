import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EdgeReport } from '@sluice/proto/messages/control'
import { createFakeClock, type FakeClock } from '@sluice/testkit'
import { EdgeRegistry } from './edge-registry.ts'

const report = (edge: string, more: Partial<EdgeReport> = {}): EdgeReport => ({
  $typeName: 'sluice.v1.EdgeReport', scope: 'default', edge, instance: `of ${edge}`, zone: '', datacenter: '', version: '0.1.0',
  workers: 1, revision: 1, digest: '', credentialVersion: 0, orders: [], leaving: false, ...more,
})

function makeRegistry(): { registry: EdgeRegistry; clock: FakeClock } {
  const clock = createFakeClock()
  return { clock, registry: new EdgeRegistry(clock, { now: () => clock.monotonic() }) }
}

const liveNames = (registry: EdgeRegistry) => registry.live().map((edge) => edge.name)

test('an edge is live until 30 s after its last report', () => {
  const { registry, clock } = makeRegistry()
  registry.hear(report('a'))
  clock.advance(29_999)
  assert.deepEqual(liveNames(registry), ['a'])
  clock.advance(1)
  assert.deepEqual([liveNames(registry), registry.all().map((edge) => registry.stateOf(edge))], [[], ['missing']])
  registry.hear(report('a'))
  assert.deepEqual(liveNames(registry), ['a'])
})

test('a clock that is set back or forth makes no edge older', () => {
  const { registry, clock } = makeRegistry()
  registry.hear(report('a'))
  clock.shiftWallClock(3_600_000)
  assert.deepEqual(liveNames(registry), ['a'])
})

test('an edge that the store remembers counts as live until it has had its 30 s to speak', () => {
  const { registry, clock } = makeRegistry()
  registry.remember([{ name: 'a', instance: 'of a', lastHeartbeatMs: 0 }])
  assert.deepEqual(registry.live().map(({ name, revision }) => [name, revision]), [['a', 0]])
  clock.advance(30_000)
  assert.deepEqual(liveNames(registry), [])
})

test('what the store remembers does not undo what an edge has said', () => {
  const { registry } = makeRegistry()
  registry.hear(report('a', { revision: 7 }))
  registry.remember([{ name: 'a', instance: 'of a', lastHeartbeatMs: 0 }])
  assert.equal(registry.live()[0]?.revision, 7)
})

test('a name is taken while its edge is live, and free after a goodbye or half a minute of silence', () => {
  const { registry, clock } = makeRegistry()
  registry.hear(report('a', { instance: 'one' }))
  assert.equal(registry.hear(report('a', { instance: 'two' })).accepted, false)
  registry.hear(report('a', { instance: 'one', leaving: true }))
  assert.equal(registry.hear(report('a', { instance: 'two' })).accepted, true)
  clock.advance(30_000)
  assert.equal(registry.hear(report('a', { instance: 'three' })).accepted, true)
})

test('reports that make no sense are refused', () => {
  const { registry } = makeRegistry()
  for (const bad of [report(''), report('x'.repeat(254)), report('a', { instance: '' }), report('a', { revision: -1 }), report('a', { revision: 1.5 }), report('a', { credentialVersion: Number.NaN })]) {
    assert.equal(registry.hear(bad).accepted, false)
  }
  assert.deepEqual(registry.all(), [])
})

test('edges beyond ten thousand take the place of those that are gone, or are refused', () => {
  const { registry, clock } = makeRegistry()
  for (let index = 0; index < 10_000; index++) registry.hear(report(`e${index}`))
  assert.equal(registry.hear(report('one-more')).accepted, false)
  clock.advance(30_000)
  assert.equal(registry.hear(report('one-more')).accepted, true)
  assert.equal(registry.all().length, 10_000)
})

test('an edge that is gone is shown for a day', () => {
  const { registry, clock } = makeRegistry()
  registry.hear(report('a', { leaving: true }))
  clock.advance(24 * 3_600_000)
  assert.equal(registry.all().length, 1)
  clock.advance(1)
  assert.equal(registry.all().length, 0)
})
