import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { subjects } from '@sluice/proto/subjects'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { scriptedAuth, type ScriptedAuth } from '../../test/scripted-auth.ts'
import { ChangeFeed } from './change-feed.ts'
import { aboutConsumer, KnownChanges } from './known-changes.ts'
import { RevokedTokens } from './revoked-tokens.ts'

function feedOf(t: TestContext, auth: ScriptedAuth) {
  const clock = createFakeClock()
  const changes = new KnownChanges()
  const revoked = new RevokedTokens(clock)
  const versions: number[] = []
  const malformed: string[] = []
  const feed = new ChangeFeed({
    bus: auth.bus, scope: 'default', clock, changes, revoked, timeoutMs: 500,
    onVersion: (version) => versions.push(version),
    onMalformed: (subject) => malformed.push(subject),
  })
  feed.start()
  t.after(() => feed.stop())
  return { clock, changes, revoked, feed, versions, malformed }
}

suite('hearing of changes', () => {
  test('begins where auth is, and counts on with each change', async (t) => {
    const auth = await scriptedAuth(t)
    for (let index = 0; index < 3; index++) auth.change({})
    const { feed, versions } = feedOf(t, auth)
    await waitUntil(() => feed.version === 3)
    auth.change({})
    await waitUntil(() => feed.version === 4)
    assert.deepEqual(versions, [3, 4])
  })

  test('a change that was lost is asked for', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed, changes } = feedOf(t, auth)
    await waitUntil(() => auth.count('changes') > 0)
    const mark = changes.heard
    auth.change({ consumer: 'lost' }, { isLost: true })
    auth.change({ consumer: 'heard' })
    await waitUntil(() => feed.version === 2)
    assert.equal(changes.holds(mark, 0, [aboutConsumer('lost')]), false)
    assert.ok(auth.asked.includes('changes 0'))
  })

  test('changes of two publishers that cross are one line in the end', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed, versions } = feedOf(t, auth)
    await waitUntil(() => auth.count('changes') > 0)
    const [first, second] = [{ version: 1, consumer: 'a' }, { version: 2, consumer: 'b' }]
    auth.version = 2
    auth.log.push(first, second)
    auth.tell(second)
    auth.tell(first)
    await waitUntil(() => feed.version === 2)
    assert.deepEqual([...versions].sort(), versions)
  })

  test('a log that does not reach back makes everything be forgotten', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed, changes } = feedOf(t, auth)
    auth.change({})
    await waitUntil(() => feed.version === 1)
    auth.leave()
    for (let index = 0; index < 5; index++) auth.change({}, { isLost: true })
    auth.firstKept = 4
    const mark = changes.heard
    auth.come()
    await waitUntil(() => feed.version === 6)
    assert.equal(changes.holds(mark, 6, [aboutConsumer('never named')]), false)
  })

  test('an auth whose history is another one makes everything be forgotten, and is followed', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed, changes } = feedOf(t, auth)
    for (let index = 0; index < 5; index++) auth.change({})
    await waitUntil(() => feed.version === 5)
    const mark = changes.heard
    auth.leave()
    auth.version = 2
    auth.log.length = 2
    auth.come()
    await waitUntil(() => feed.version === 2)
    assert.equal(changes.holds(mark, 5, [aboutConsumer('never named')]), false)
  })

  test('a new auth makes the edge ask what there was meanwhile', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed } = feedOf(t, auth)
    auth.change({})
    await waitUntil(() => feed.version === 1)
    auth.leave()
    auth.change({}, { isLost: true })
    auth.come()
    await waitUntil(() => feed.version === 2)
  })

  test('an auth that is away is asked again until it answers', async (t) => {
    const auth = await scriptedAuth(t)
    auth.change({})
    auth.failWith = 'dependency.store_unreachable'
    const { feed } = feedOf(t, auth)
    await waitUntil(() => auth.count('changes') >= 2)
    auth.failWith = undefined
    await waitUntil(() => feed.version === 1)
  })

  test('a change that is overtaken by an older answer does not turn the version back', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed, versions } = feedOf(t, auth)
    await waitUntil(() => auth.count('changes') > 0)
    const released = Promise.withResolvers<void>()
    auth.hold = released.promise
    feed.catchUp()
    await waitUntil(() => auth.count('changes') > 1)
    auth.change({})
    await waitUntil(() => feed.version === 1)
    released.resolve()
    await waitUntil(() => feed.blindSince() === undefined)
    assert.deepEqual(versions, [1])
  })

  test('what cannot be read is told, and asked for', async (t) => {
    const auth = await scriptedAuth(t)
    const { malformed } = feedOf(t, auth)
    auth.bus.publish(subjects.authChanged('default'), Buffer.from('nonsense'))
    await waitUntil(() => malformed.length === 1)
    assert.equal(malformed[0], subjects.authChanged('default'))
  })
})

suite('being blind', () => {
  test('an edge is not while it hears auth, and is since it last did', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed, clock } = feedOf(t, auth)
    await waitUntil(() => feed.blindSince() === undefined)
    auth.leave()
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(10_000)
    assert.equal(feed.blindSince(), 0)
    auth.come()
    await waitUntil(() => feed.blindSince() === undefined)
  })

  test('an edge that hears auth but cannot ask what it missed is blind, too', async (t) => {
    const auth = await scriptedAuth(t)
    const { feed } = feedOf(t, auth)
    await waitUntil(() => feed.blindSince() === undefined)
    auth.failWith = 'dependency.store_unreachable'
    auth.leave()
    auth.come()
    await waitUntil(() => feed.blindSince() !== undefined)
    auth.failWith = undefined
    await waitUntil(() => feed.blindSince() === undefined)
  })
})
