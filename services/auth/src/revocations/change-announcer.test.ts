import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { fromBinary } from '@bufbuild/protobuf'
import { subscribeSequenced } from '@sluice/buses/sequenced'
import type { CredentialChangeRecord } from '@sluice/credential-stores/credential-store'
import { SluiceError } from '@sluice/errors'
import { CredentialChangeSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { waitUntil } from '@sluice/testkit'
import { openBus } from '../../test/auth-harness.ts'
import { ChangeAnnouncer } from './change-announcer.ts'

const scope = 'default'

/** A log that can be away, cut short and put back. */
function changeLog() {
  const log = {
    head: 0,
    firstKept: 1,
    isAway: false,
    write: () => ++log.head,
    version: async () => {
      if (log.isAway) throw new SluiceError('dependency.store_unreachable')
      return log.head
    },
    revocations: async () => [],
    changes: async (_scope: string, after: number): Promise<CredentialChangeRecord[] | undefined> => {
      if (after + 1 < log.firstKept) return undefined
      return Array.from({ length: log.head - after }, (_, index) => ({ version: after + index + 1, kind: 'consumer', consumer: 'acme', credentialId: '', subjects: [] }))
    },
  }
  return log
}

async function announcerOf(t: TestContext, log = changeLog(), given?: Awaited<ReturnType<typeof openBus>>) {
  const bus = given ?? (await openBus(t))
  const heard: number[] = []
  const gaps: (string | undefined)[] = []
  const edge = subscribeSequenced(bus, subjects.authChanged(scope), {
    onMessage: (body) => void heard.push(fromBinary(CredentialChangeSchema, body).version),
    onGap: (publisher) => void gaps.push(publisher),
  })
  const announcer = new ChangeAnnouncer({ bus, scope, store: log, tailMs: 5 })
  await announcer.start()
  t.after(() => {
    announcer.stop()
    edge.unsubscribe()
  })
  return { bus, log, heard, gaps, announcer }
}

suite('announcing changes', () => {
  test('a write is announced once it is asked for, with what stood before it in the log', async (t) => {
    const { log, heard, announcer } = await announcerOf(t)
    log.write()
    await announcer.announceUpTo(log.write())
    await waitUntil(() => heard.length === 2)
    assert.deepEqual(heard, [1, 2])
  })

  test('what nobody asked for is found in the log', async (t) => {
    const { log, heard } = await announcerOf(t)
    log.write()
    await waitUntil(() => heard.length === 1)
  })

  test('what another instance announced is not said again', async (t) => {
    const log = changeLog()
    const { bus, heard, announcer } = await announcerOf(t, log)
    const second = new ChangeAnnouncer({ bus, scope, store: log, tailMs: 1_000_000 })
    await second.start()
    t.after(() => second.stop())
    await second.announceUpTo(log.write())
    await waitUntil(() => heard.length === 1)
    await announcer.announceUpTo(log.write())
    await waitUntil(() => heard.includes(2))
    await second.announceUpTo(log.write())
    await waitUntil(() => heard.includes(3))
    assert.deepEqual([...new Set(heard)], [1, 2, 3])
  })

  test('a log that does not reach back makes every edge ask for itself', async (t) => {
    const { log, heard, gaps } = await announcerOf(t)
    await waitUntil(() => gaps.length === 1)
    log.isAway = true
    for (let write = 0; write < 100; write++) log.write()
    log.firstKept = 50
    log.isAway = false
    await waitUntil(() => gaps.length === 2)
    assert.notEqual(gaps[0], gaps[1])
    assert.equal(heard.length, 0)
    log.write()
    await waitUntil(() => heard.at(-1) === 101)
  })

  test('a log that was put back makes every edge ask for itself', async (t) => {
    const { log, gaps, announcer } = await announcerOf(t)
    log.write()
    await announcer.announceUpTo(log.write())
    await waitUntil(() => gaps.length === 1)
    log.head = 1
    await waitUntil(() => gaps.length >= 2)
  })

  test('a store that is away at the start is waited for', async (t) => {
    const log = changeLog()
    log.isAway = true
    const { gaps, heard, announcer } = await announcerOf(t, log)
    await announcer.announceUpTo(log.write())
    assert.deepEqual([gaps.length, heard.length], [0, 0])
    log.isAway = false
    await waitUntil(() => gaps.length === 1)
  })
})
