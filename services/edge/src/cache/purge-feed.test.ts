import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { busNamed } from '@sluice/buses'
import { announce, answer, listen } from '@sluice/buses/rpc'
import { createSequencedPublisher, type SequencedPublisher } from '@sluice/buses/sequenced'
import type { Bus } from '@sluice/buses/bus'
import { type CachePurged, CachePurgedSchema, CachePurgeSchema, CachePurgesReplySchema, CachePurgesRequestSchema } from '@sluice/proto/messages/cache'
import { SequencedSchema } from '@sluice/proto/messages/rpc'
import { subjects } from '@sluice/proto/subjects'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { PurgeFeed } from './purge-feed.ts'

const scope = 'default'

async function follow(t: TestContext, worker = '1', bus?: Bus) {
  const { createLocalBus } = await busNamed('local').load()
  const shared = bus ?? createLocalBus()
  const log: string[] = []
  const clock = createFakeClock()
  const cache = {
    purge: async ({ urls }: { urls: readonly string[] }) => {
      log.push(`purge ${urls.join()}`)
      if (urls.includes('//h/cannot')) throw new Error('the shared store is away')
    },
    overtaken: (id: string, urls: readonly string[]) => void log.push(`overtaken ${id.length} ${urls.join()}`),
    doubt: () => void log.push('doubt'),
    settle: (complete: boolean) => void log.push(`settle ${complete}`),
  }
  const feed = new PurgeFeed({ bus: shared, scope, edge: 'edge-1', worker, clock, cache, onMalformed: () => log.push('malformed'), onError: (_, error) => log.push((error as Error).message) })
  feed.start()
  t.after(() => feed.stop())
  return { bus: shared, log, clock, feed }
}

/** Answers what was purged meanwhile; notes how far back was asked for. */
function control(bus: Bus, urls: string[], complete = true): { asked: number[] } {
  const asked: number[] = []
  const types = { request: CachePurgesRequestSchema, reply: CachePurgesReplySchema }
  answer(bus, subjects.cachePurges(scope), types, ({ sinceMs }) => {
    asked.push(sinceMs)
    return { purges: urls.length === 0 ? [] : [{ scope, id: 'missed', urls }], complete }
  })
  return { asked }
}

const purge = (publisher: SequencedPublisher, url: string) => publisher.publish(toBinary(CachePurgeSchema, create(CachePurgeSchema, { scope, id: url, urls: [url] })))
const settled = (log: readonly string[], times: number) => waitUntil(() => log.filter((line) => line.startsWith('settle')).length === times)

test('a purge is done where it is heard, and that is told', async (t) => {
  const { bus, log } = await follow(t)
  const told: CachePurged[] = []
  listen(bus, subjects.cachePurged(scope), CachePurgedSchema, (message) => void told.push(message))
  control(bus, [])
  const publisher = createSequencedPublisher(bus, subjects.cachePurge(scope))
  t.after(() => publisher.stop())
  purge(publisher, '//h/a')
  await waitUntil(() => told.length === 1)
  assert.deepEqual([told[0]!.id, told[0]!.edge, told[0]!.worker], ['//h/a', 'edge-1', '1'])
  assert.ok(log.includes('purge //h/a'))
})

test('a purge that could not be done everywhere is not told as done', async (t) => {
  const { bus, log } = await follow(t)
  const told: string[] = []
  listen(bus, subjects.cachePurged(scope), CachePurgedSchema, ({ id }) => void told.push(id))
  control(bus, [])
  const publisher = createSequencedPublisher(bus, subjects.cachePurge(scope))
  t.after(() => publisher.stop())
  purge(publisher, '//h/cannot')
  purge(publisher, '//h/can')
  await waitUntil(() => told.length === 1)
  assert.deepEqual([told, log.includes('the shared store is away')], [['//h/can'], true])
})

test('a control that starts makes nobody doubt what is kept', async (t) => {
  const { bus, log } = await follow(t)
  control(bus, [])
  await settled(log, 1)
  const before = log.length
  const publisher = createSequencedPublisher(bus, subjects.cachePurge(scope))
  t.after(() => publisher.stop())
  purge(publisher, '//h/a')
  await waitUntil(() => log.includes('purge //h/a'))
  assert.deepEqual(log.slice(before), ['purge //h/a'])
})

test('when a purge was missed, everything is in doubt until control has told which', async (t) => {
  const { bus, log, clock } = await follow(t)
  const { asked } = control(bus, ['//h/missed'])
  await settled(log, 1)
  clock.advance(60_000)
  log.length = 0
  // The third message of a publisher that nobody has heard before.
  const body = toBinary(CachePurgeSchema, create(CachePurgeSchema, { scope, id: 'late', urls: ['//h/late'] }))
  announce(bus, subjects.cachePurge(scope), SequencedSchema, { publisher: 'another', sequence: 3, body })
  await settled(log, 1)
  assert.deepEqual(log.filter((line) => line !== 'purge //h/late'), ['doubt', 'purge //h/missed', 'settle true'])
  assert.equal(asked.at(-1), 10_000)
})

test('where control cannot tell all of it, the doubt stays', async (t) => {
  const { bus, log } = await follow(t)
  control(bus, [], false)
  await settled(log, 1)
  assert.deepEqual(log, ['doubt', 'settle false'])
})

test('while nobody can be asked it is asked again, and the doubt stays', async (t) => {
  const { bus, log } = await follow(t)
  await new Promise(setImmediate)
  assert.deepEqual(log, ['doubt'])
  control(bus, [])
  await settled(log, 1)
})

test('URLs that a request has overtaken are told to all workers, under one name', async (t) => {
  const one = await follow(t, '1')
  const two = await follow(t, '2', one.bus)
  one.feed.tellOvertaken(['//h/a', '//h/b'])
  one.feed.tellOvertaken(['//h/a'])
  for (const { log } of [one, two]) await waitUntil(() => log.includes('overtaken 36 //h/a,//h/b'))
  assert.equal(one.log.filter((line) => line.startsWith('overtaken')).length, 1)
})
