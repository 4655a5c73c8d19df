import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { listen } from '@sluice/buses/rpc'
import { SegmentedConfig } from '@sluice/proto/config'
import { type ConfigHint, ConfigHintSchema, RollCallSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { createLogger } from '@sluice/service-kit'
import { waitUntil } from '@sluice/testkit'
import { type Announced, Rollout } from '../src/rollout/rollout.ts'
import { StoredRevisions } from '../src/revisions/stored-revisions.ts'
import { makeSurroundings } from './control-under-test.ts'

const scope = 'default'

function revisionOf(revision: number, further: Partial<Announced> = {}): Announced {
  return { revision, config: SegmentedConfig.of([['routes/r', { name: 'r', match: { path: `/${revision}` } }]]), forcedRevision: 0, ...further }
}

/** A rollout whose time the test moves, and what edges hear of it. */
async function rolloutUnderTest(t: TestContext) {
  const { bus, store } = await makeSurroundings(t)
  const clock = { now: () => time.now, monotonic: () => time.now }
  const time = { now: 1000 }
  const rollout = new Rollout({ bus, scope, store, stored: new StoredRevisions(store, scope), clock, logger: createLogger('control', { destination: { write: () => undefined } }) })
  t.after(() => rollout.stop())
  const hints: ConfigHint[] = []
  listen(bus, subjects.configHint(scope), ConfigHintSchema, (hint) => void hints.push(hint))
  let rollCalls = 0
  listen(bus, subjects.rollCall(scope), RollCallSchema, () => void rollCalls++)
  const heard = async (count: number) => {
    await waitUntil(() => hints.length >= count)
    return hints.map(({ revision, delta, edges }) => ({ from: delta?.fromRevision, to: revision, ...(edges.length > 0 && { edges }) }))
  }
  return { rollout, time, heard, rollCalls: () => rollCalls }
}

test('a lone change is announced at once; of a flood the newest is, with all that leads there from the last announcement', async (t) => {
  const { rollout, heard } = await rolloutUnderTest(t)
  for (let revision = 1; revision <= 30; revision++) rollout.announce(revisionOf(revision))
  assert.equal(rollout.head()?.revision, 30)
  assert.deepEqual(await heard(2), [{ from: 0, to: 1 }, { from: 1, to: 30 }])
})

test('changes that leave edges the time are announced one by one', async (t) => {
  const { rollout, time, heard } = await rolloutUnderTest(t)
  for (let revision = 1; revision <= 4; revision++) {
    rollout.announce(revisionOf(revision))
    time.now += 40
  }
  assert.deepEqual((await heard(4)).map(({ to }) => to), [1, 2, 3, 4])
})

test('what waits to be announced is, when control stops', async (t) => {
  const { rollout, heard } = await rolloutUnderTest(t)
  for (let revision = 1; revision <= 3; revision++) rollout.announce(revisionOf(revision))
  rollout.stop()
  assert.deepEqual(await heard(2), [{ from: 0, to: 1 }, { from: 1, to: 3 }])
})

test('a revision for some edges is announced apart from those for all, and edges are asked to report', async (t) => {
  const { rollout, heard, rollCalls } = await rolloutUnderTest(t)
  rollout.announce(revisionOf(1))
  const stable = revisionOf(2)
  rollout.announce(stable)
  rollout.announce(revisionOf(3, { ring: { index: 0, edges: ['edge-1'], stable: 2 }, stable }))
  rollout.announce(revisionOf(4))
  assert.deepEqual(await heard(4), [{ from: 0, to: 1 }, { from: 1, to: 2 }, { from: 2, to: 3, edges: ['edge-1'] }, { from: 2, to: 4 }])
  await waitUntil(() => rollCalls() === 1)
})
