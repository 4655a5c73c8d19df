import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { OpenRequests, type OpenRequestsMessage } from './open-requests.ts'
import { ParentOpenRequests } from './parent-open-requests.ts'

/** Workers that ask one parent; `hold` keeps the answers back. */
function workersOf(t: TestContext, count: number) {
  const parent = new OpenRequests()
  const held: (() => void)[] = []
  const state = { holds: false, messages: 0 }
  const workers = Array.from({ length: count }, (_, id) => {
    const worker: ParentOpenRequests = new ParentOpenRequests(({ changes }: OpenRequestsMessage) => {
      state.messages++
      const replies = parent.apply(id, changes)
      if (state.holds) held.push(() => worker.onReplies(replies))
      else worker.onReplies(replies)
    })
    t.after(() => worker.close())
    return worker
  })
  return { parent, workers, state, release: () => held.splice(0).forEach((answer) => answer()) }
}

test('as many as the limit are open on all workers together, and one that ends makes room for another', async (t) => {
  const { workers, parent } = workersOf(t, 3)
  const asking = [0, 1, 2, 0, 1]
  const entries = await Promise.all(asking.map((worker) => workers[worker]!.enter('k', 4)))
  const inside = asking.filter((_, index) => entries[index]!.entered)
  assert.equal(inside.length, 4)
  assert.equal((await workers[2]!.enter('other', 1)).entered, true)
  const first = workers[inside[0]!]!
  first.leave('k')
  assert.equal((await first.enter('k', 4)).entered, true)
  for (const worker of inside) workers[worker]!.leave('k')
  workers[2]!.leave('other')
  await waitUntil(() => parent.size === 0)
})

test('what a worker had open is free when it ends', async (t) => {
  const { workers, parent } = workersOf(t, 2)
  for (let open = 0; open < 3; open++) await workers[0]!.enter('k', 4)
  await workers[1]!.enter('k', 4)
  parent.forget(0)
  assert.deepEqual(await workers[1]!.enter('k', 4), { entered: true, open: 2 })
  parent.forget(1)
  assert.equal(parent.size, 0)
})

test('a worker cannot end what another has open', async (t) => {
  const { workers } = workersOf(t, 2)
  await workers[0]!.enter('k', 1)
  workers[1]!.leave('k')
  assert.equal((await workers[1]!.enter('k', 1)).entered, false)
})

test('questions of one turn go in one message', async (t) => {
  const { workers, state } = workersOf(t, 1)
  await Promise.all(Array.from({ length: 50 }, () => workers[0]!.enter('k', 100)))
  assert.equal(state.messages, 1)
})

test('a parent that is slow is not waited for, and what it counted late is given back', async (t) => {
  const { workers, parent, state, release } = workersOf(t, 1)
  state.holds = true
  assert.deepEqual(await workers[0]!.enter('k', 1), { entered: false, open: undefined })
  assert.equal(parent.size, 1)
  state.holds = false
  release()
  await waitUntil(() => parent.size === 0)
})
