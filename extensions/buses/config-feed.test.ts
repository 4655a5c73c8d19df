import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { ConfigHintSchema, ConfigReplySchema, ConfigRequestSchema, type ConfigRequest } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { waitUntil } from '@sluice/testkit'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { SluiceError } from '@sluice/errors'
import type { Bus } from './bus.ts'
import { announceConfig, answerConfig, type ConfigDocument, digestOf, followConfig, type FollowConfigOptions } from './config-feed.ts'
import { createLocalBus } from './local/local.ts'
import { withTold } from './relay.contract.ts'
import { announce, answer } from './rpc.ts'

const scope = 'default'
const minute = 60_000

function documentOf(revision: number, size = 20): ConfigDocument {
  const document = randomBytes(size)
  return { revision, digest: digestOf(document), document }
}

/** Follows with a log of revisions and errors; the poll is far away unless a test wants it. */
function follow(t: TestContext, bus: Bus, options: Partial<FollowConfigOptions> = {}) {
  const taken: ConfigDocument[] = []
  const errors: string[] = []
  const tell = (error: unknown) => void errors.push((error as SluiceError).code)
  const onDocument = (document: ConfigDocument) => void taken.push(document)
  const feed = followConfig(bus, { scope, pollMs: minute, onDocument, onError: tell, onUnreachable: tell, ...options })
  t.after(() => feed.stop())
  return { feed, taken, errors, revisions: () => taken.map(({ revision }) => revision) }
}

/** A control whose head the test moves; counts how often it was asked. */
function control(bus: Bus, head?: ConfigDocument) {
  const state = { head, asked: 0 }
  answerConfig(bus, scope, { head: async () => (state.asked++, state.head), queue: 'control' })
  return state
}

/** A control that answers each request as the script says. */
function scriptedControl(bus: Bus, script: (request: ConfigRequest) => MessageInitShape<typeof ConfigReplySchema>) {
  answer(bus, subjects.configGet(scope), { request: ConfigRequestSchema, reply: ConfigReplySchema }, script)
}

const whole = ({ revision, digest, document }: ConfigDocument) => ({ scope, revision, digest, totalBytes: document.length, chunk: document })

test('whoever begins to follow gets the head, whole, however many parts it takes', async (t) => {
  const bus = createLocalBus()
  const head = documentOf(7, 1_300_000)
  const served = control(bus, head)
  const { feed, taken, errors } = follow(t, bus)
  await feed.pull()
  assert.deepEqual(taken.map(({ revision }) => revision), [7])
  assert.ok(Buffer.from(taken[0]?.document ?? []).equals(head.document))
  assert.deepEqual(feed.head(), { revision: 7, digest: head.digest })
  assert.deepEqual(errors, [])
  assert.equal(served.asked, 4) // three parts, and that nothing is newer
})

test('a small revision comes with its announcement, nobody is asked', async (t) => {
  const bus = createLocalBus()
  const served = control(bus)
  const { feed, revisions } = follow(t, bus)
  await feed.pull()
  const asked = served.asked
  announceConfig(bus, scope, documentOf(1, 64 * 1024))
  await waitUntil(() => revisions().length === 1)
  assert.equal(served.asked, asked)
})

test('a large revision is announced without its document and fetched', async (t) => {
  const bus = createLocalBus()
  const served = control(bus)
  const { feed, revisions } = follow(t, bus)
  await feed.pull()
  served.head = documentOf(1, 64 * 1024 + 1)
  announceConfig(bus, scope, served.head)
  await waitUntil(() => revisions().length === 1)
})

test('a forged announcement is never handed on; the true document is fetched instead', async (t) => {
  const bus = createLocalBus()
  const head = documentOf(2)
  const served = control(bus)
  const { feed, taken, errors } = follow(t, bus)
  await feed.pull()
  served.head = head
  announce(bus, subjects.configHint(scope), ConfigHintSchema, { scope, revision: 2, digest: head.digest, document: randomBytes(20) })
  await waitUntil(() => taken.length === 1)
  assert.equal(taken[0]?.digest, digestOf(taken[0]?.document ?? new Uint8Array()))
  assert.deepEqual(errors, ['config.invalid'])
})

test('a document that is not what its digest says is refused, and asked for again at the next poll', async (t) => {
  const bus = createLocalBus()
  const head = documentOf(1)
  let isForged = true
  scriptedControl(bus, () => (isForged ? { ...whole(head), chunk: randomBytes(20) } : whole(head)))
  const { feed, errors, revisions } = follow(t, bus, { pollMs: 20 })
  await feed.pull()
  assert.deepEqual(revisions(), [])
  assert.ok(errors.includes('config.invalid'))
  isForged = false
  await waitUntil(() => revisions().length > 0)
  assert.deepEqual(revisions(), [1])
})

test('one revision is applied at a time, the newest of those that came meanwhile is next', async (t) => {
  const bus = createLocalBus()
  control(bus)
  const began: number[] = []
  const mayEnd = Promise.withResolvers<void>()
  const onDocument = ({ revision }: ConfigDocument) => (began.push(revision), mayEnd.promise)
  const { feed } = follow(t, bus, { onDocument })
  await feed.pull()
  for (const revision of [1, 2, 4, 3]) announceConfig(bus, scope, documentOf(revision))
  await bus.flush()
  assert.deepEqual(began, [1])
  assert.equal(feed.head(), undefined)
  mayEnd.resolve()
  await waitUntil(() => feed.head()?.revision === 4)
  assert.deepEqual(began, [1, 4])
})

test('what is not newer than what is here is passed over', async (t) => {
  const bus = createLocalBus()
  const head = documentOf(5)
  control(bus, head)
  const { feed, errors, revisions } = follow(t, bus, { have: { revision: 5, digest: head.digest } })
  await feed.pull()
  announceConfig(bus, scope, head)
  announceConfig(bus, scope, documentOf(4))
  await bus.flush()
  assert.deepEqual(revisions(), [])
  assert.deepEqual(errors, [])
  announceConfig(bus, scope, documentOf(6))
  await waitUntil(() => revisions().length === 1)
})

test('one number with two digests is an error, announced or fetched', async (t) => {
  const bus = createLocalBus()
  const served = control(bus)
  const { feed, errors, revisions } = follow(t, bus, { have: documentOf(5) })
  await feed.pull()
  announceConfig(bus, scope, documentOf(5))
  await waitUntil(() => errors.length === 1)
  served.head = documentOf(5)
  await feed.pull()
  assert.deepEqual(errors, ['config.invalid', 'config.invalid'])
  assert.deepEqual(revisions(), [])
})

test('when the head moves while it is being read, the new one is read from its beginning', async (t) => {
  const bus = createLocalBus()
  const served = control(bus, documentOf(1, 1_300_000))
  const second = documentOf(2, 1_300_000)
  bus.subscribe(subjects.configGet(scope), () => {
    if (served.asked === 2) served.head = second
  })
  const { feed, taken, errors } = follow(t, bus)
  await feed.pull()
  assert.deepEqual(taken.map(({ revision }) => revision), [2])
  assert.ok(Buffer.from(taken[0]?.document ?? []).equals(second.document))
  assert.deepEqual(errors, [])
})

test('of two controls, one that has not caught up does not spoil a download', async (t) => {
  const bus = createLocalBus()
  const [old, head] = [documentOf(1, 1_300_000), documentOf(2, 1_300_000)]
  let asked = 0
  const oldPart = { ...whole(old), chunk: old.document.subarray(0, 1000) }
  scriptedControl(bus, ({ offset }) => (++asked % 2 === 0 ? oldPart : { ...whole(head), offset, chunk: head.document.subarray(offset, offset + 500_000) }))
  const { feed, revisions, errors } = follow(t, bus)
  await feed.pull()
  assert.deepEqual(revisions(), [2])
  assert.deepEqual(errors, [])
})

test('an announced revision is asked for until some control has it', async (t) => {
  const bus = createLocalBus()
  const served = control(bus, documentOf(1))
  const { feed, revisions } = follow(t, bus)
  await feed.pull()
  const head = documentOf(2)
  const asked = served.asked
  announce(bus, subjects.configHint(scope), ConfigHintSchema, { scope, revision: 2, digest: head.digest })
  await waitUntil(() => served.asked === asked + 2)
  served.head = head
  await waitUntil(() => revisions().at(-1) === 2)
})

test('a head that moves with every question ends in an error, not in an endless download', async (t) => {
  const bus = createLocalBus()
  let revision = 0
  scriptedControl(bus, () => {
    const next = documentOf(++revision, 2000)
    return { ...whole(next), chunk: next.document.subarray(0, 1000) }
  })
  const { errors } = follow(t, bus)
  await waitUntil(() => errors.length > 0)
  assert.deepEqual(errors, ['dependency.timeout'])
})

test('replies that make no sense are refused', async (t) => {
  const good = documentOf(3, 1000)
  const nonsense: Record<string, MessageInitShape<typeof ConfigReplySchema>> = {
    'no bytes': { ...whole(good), totalBytes: 0 },
    'no revision': { ...whole(good), revision: 0 },
    'more than it said': { ...whole(good), totalBytes: 10 },
    'nothing of what it said': { ...whole(good), chunk: new Uint8Array() },
    'another place': { ...whole(good), offset: 500 },
    'not a number': { ...whole(good), totalBytes: Number.NaN },
    'too much': { ...whole(good), totalBytes: 2000 },
  }
  for (const [name, reply] of Object.entries(nonsense)) {
    const bus = createLocalBus()
    scriptedControl(bus, () => reply)
    const { feed, errors, revisions } = follow(t, bus, { maxDocumentBytes: 1500 })
    await feed.pull()
    assert.ok(errors.includes('config.invalid'), name)
    assert.deepEqual(revisions(), [], name)
  }
})

test('before the first revision there is nothing, and that is no error', async (t) => {
  const bus = createLocalBus()
  control(bus)
  const { feed, errors, revisions } = follow(t, bus)
  await feed.pull()
  assert.deepEqual(revisions(), [])
  assert.deepEqual(errors, [])
})

test('while control cannot be asked the fallback serves, and what it brings is checked too', async (t) => {
  const bus = createLocalBus()
  const good = documentOf(3)
  const offered: (ConfigDocument | undefined)[] = [{ ...documentOf(2), digest: good.digest }, good, undefined]
  const fetchFallback = async () => offered.shift()
  const { feed, errors, revisions } = follow(t, bus, { fetchFallback })
  await feed.pull()
  await feed.pull()
  assert.deepEqual(revisions(), [3])
  assert.deepEqual(errors.filter((code) => code === 'config.invalid').length, 1)
  assert.ok(errors.includes('dependency.no_responder'))
})

test('a fallback that fails is told, and the next poll goes on', async (t) => {
  const bus = createLocalBus()
  const fetchFallback = async () => Promise.reject(new SluiceError('dependency.store_unreachable'))
  const { feed, errors, revisions } = follow(t, bus, { fetchFallback, pollMs: 20 })
  await feed.pull()
  assert.ok(errors.includes('dependency.store_unreachable'))
  control(bus, documentOf(1))
  await waitUntil(() => revisions().length === 1)
})

test('a revision that could not be taken is handed over again at the next poll', async (t) => {
  const bus = createLocalBus()
  control(bus, documentOf(1))
  let tries = 0
  const onDocument = async () => {
    if (++tries === 1) throw new SluiceError('internal.unexpected')
  }
  const { feed, errors } = follow(t, bus, { onDocument, pollMs: 20 })
  await waitUntil(() => feed.head()?.revision === 1)
  assert.equal(tries, 2)
  assert.deepEqual(errors, ['internal.unexpected'])
})

test('a lost announcement costs one poll, a connection that comes back asks at once', async (t) => {
  const local = createLocalBus()
  const served = control(local, documentOf(1))
  const { bus, tell } = withTold(local)
  const polling = follow(t, local, { pollMs: 20 })
  const waiting = follow(t, bus)
  await Promise.all([polling.feed.pull(), waiting.feed.pull()])
  served.head = documentOf(2)
  await waitUntil(() => polling.revisions().at(-1) === 2)
  assert.deepEqual(waiting.revisions(), [1])
  await tell('disconnected')
  await tell('connected')
  await waitUntil(() => waiting.revisions().at(-1) === 2)
})

test('after stopping nothing is handed on, not even what was on its way', async (t) => {
  const bus = createLocalBus()
  const gate = Promise.withResolvers<ConfigDocument>()
  answerConfig(bus, scope, { head: () => gate.promise })
  const { feed, revisions } = follow(t, bus)
  const pulled = feed.pull()
  feed.stop()
  gate.resolve(documentOf(1))
  await pulled
  announceConfig(bus, scope, documentOf(2))
  await bus.flush()
  assert.deepEqual(revisions(), [])
})

test('announcements of another scope, or without a revision, are malformed here', async (t) => {
  const bus = createLocalBus()
  control(bus)
  const { revisions } = follow(t, bus)
  for (const hint of [{ scope: 'other', revision: 1 }, { scope, revision: 0 }, { scope, revision: 1.5 }]) {
    announce(bus, subjects.configHint(scope), ConfigHintSchema, { ...hint, digest: digestOf(randomBytes(1)), document: randomBytes(1) })
  }
  await bus.flush()
  assert.deepEqual(revisions(), [])
  assert.equal(bus.counts.malformed, 3)
})
