import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { announce, call, listen } from '@sluice/buses/rpc'
import { fromBinary } from '@bufbuild/protobuf'
import type { Bus } from '@sluice/buses/bus'
import { CachePurgedSchema, CachePurgeSchema, CachePurgesReplySchema, CachePurgesRequestSchema } from '@sluice/proto/messages/cache'
import { SequencedSchema } from '@sluice/proto/messages/rpc'
import { subjects } from '@sluice/proto/subjects'
import { createLogger } from '@sluice/service-kit'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { followCacheEvents } from '../src/peers/cache-events.ts'
import { CachePurges, type Purged } from '../src/peers/cache-purges.ts'

const scope = 'default'
const url: Purged = { urls: ['//h/a'], prefixes: [], tags: [], everything: false }

async function open(t: TestContext, edges: { name: string; workers: number }[] = [{ name: 'edge-1', workers: 2 }]) {
  const { createLocalBus } = await busNamed('local').load()
  const bus = createLocalBus()
  const clock = createFakeClock()
  const logger = createLogger('control', { level: 'silent' })
  const purges = new CachePurges({ bus, scope, clock, logger, liveEdges: () => edges })
  purges.start()
  t.after(() => purges.stop())
  return { bus, clock, purges, logger }
}

/** Workers of edges, each of which tells that it has done what it hears. */
function workers(bus: Bus, names: readonly [edge: string, worker: string][]): void {
  listen(bus, subjects.cachePurge(scope), SequencedSchema, ({ beacon, body }) => {
    if (beacon) return
    const { id } = fromBinary(CachePurgeSchema, body)
    for (const [edge, worker] of names) announce(bus, subjects.cachePurged(scope), CachePurgedSchema, { scope, id, edge, worker })
  })
}

const since = (bus: Bus, sinceMs: number) => call(bus, subjects.cachePurges(scope), { request: CachePurgesRequestSchema, reply: CachePurgesReplySchema }, { scope, sinceMs }, { timeoutMs: 2000 })

test('a purge is done when every worker of every live edge has told so', async (t) => {
  const { bus, purges } = await open(t)
  workers(bus, [['edge-1', '1'], ['edge-1', '2'], ['another', '1']])
  assert.partialDeepStrictEqual(await purges.purge(url, 5000), { acknowledged: 1, expected: 1, missing: [] })
})

test('an edge of which a worker has not told so in time is missing', async (t) => {
  const { bus, purges } = await open(t, [{ name: 'edge-1', workers: 2 }, { name: 'edge-2', workers: 1 }])
  workers(bus, [['edge-1', '1'], ['edge-1', '1'], ['edge-2', '1']])
  const receipt = await purges.purge(url, 50)
  assert.deepEqual([receipt!.acknowledged, receipt!.expected, receipt!.missing, receipt!.propagationMs], [1, 2, ['edge-1'], undefined])
})

test('who does not want to wait does not, and without edges nobody does', async (t) => {
  const { purges } = await open(t)
  assert.equal(await purges.purge(url, undefined), undefined)
  const alone = await open(t, [])
  assert.partialDeepStrictEqual(await alone.purges.purge(url, 60_000), { acknowledged: 0, expected: 0, missing: [] })
})

test('without a bus nothing is purged, and that is said', async (t) => {
  const { bus, purges } = await open(t)
  await bus.drain(10)
  await assert.rejects(purges.purge(url, undefined), { code: 'dependency.bus_unreachable' })
})

test('an edge that was cut off is told what was purged meanwhile, by another control as well', async (t) => {
  const { bus, purges, clock } = await open(t)
  const other = new CachePurges({ bus, scope, clock, logger: createLogger('control', { level: 'silent' }), liveEdges: () => [] })
  other.start()
  t.after(() => other.stop())
  clock.advance(100_000)
  await purges.purge(url, undefined)
  clock.advance(10_000)
  await other.purge({ ...url, urls: ['//h/b'] }, undefined)
  for (const [ms, wanted] of [[5000, ['//h/b']], [20_000, ['//h/a', '//h/b']]] as const) {
    await waitUntil(async () => (await since(bus, ms)).purges.length === wanted.length)
    const { purges: told, complete } = await since(bus, ms)
    assert.deepEqual([told.flatMap(({ urls }) => urls), complete], [wanted, true])
  }
})

test('of the time before its start a control knows nothing, and says so', async (t) => {
  const { bus, clock } = await open(t)
  clock.advance(1000)
  assert.equal((await since(bus, 500)).complete, true)
  assert.equal((await since(bus, 2000)).complete, false)
})

test('a backend purges by an event on the bus, and is told what came of it when it asks', async (t) => {
  const { bus, purges, logger } = await open(t)
  workers(bus, [['edge-1', '1'], ['edge-1', '2']])
  const events = followCacheEvents({ bus, scope, logger, purges })
  t.after(() => events.unsubscribe())
  const ask = async (text: string) => JSON.parse(Buffer.from(await bus.request(subjects.cacheEvent(scope), Buffer.from(text), { timeoutMs: 2000 })).toString()) as object
  assert.deepEqual(await ask('{"tags":["products"],"urls":["https://H/a"]}'), { edges: { acknowledged: 1, expected: 1, missing: [] } })
  await waitUntil(async () => (await since(bus, 0)).purges.length === 1)
  assert.partialDeepStrictEqual((await since(bus, 0)).purges[0], { tags: ['products'], urls: ['//h/a'] })
  assert.deepEqual(await ask('not JSON'), { error: 'expected JSON such as {"tags":["products"]}' })
  assert.match(JSON.stringify(await ask('{"urls":["/no-host"]}')), /urls\.0: a URL with its host/)
  assert.match(JSON.stringify(await ask('{}')), /at least one of/)
})
