import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { ConfigHintSchema, ConfigReplySchema, ConfigRequestSchema, ConfigSegmentsReplySchema, ConfigSegmentsRequestSchema } from '@sluice/proto/messages/control'
import { deltaBetween, emptyConfig, SegmentedConfig, textOfLines } from '@sluice/proto/config'
import { subjects } from '@sluice/proto/subjects'
import { waitUntil } from '@sluice/testkit'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { SluiceError } from '@sluice/errors'
import type { Bus } from './bus.ts'
import { type ConfigRevision, ConfigServing, type ConfigSigner, type ConfigTransport, createConfigSigner, createConfigVerifier, followConfig, type FollowConfigOptions } from './config-feed.ts'
import { createLocalBus } from './local/local.ts'
import { withTold } from './relay.contract.ts'
import { announce, answer } from './rpc.ts'

const scope = 'default'
const minute = 60_000

/** A revision with a content of its own: ten routes, and one value of `size` characters. */
function revisionOf(revision: number, size = 20): ConfigRevision {
  const routes = Array.from({ length: 10 }, (_, index) => [`routes/r${index}`, { name: `r${index}`, match: { path: `/${index}` } }] as const)
  return { revision, config: SegmentedConfig.of([...routes, ['secrets/env:TEXT', randomBytes(Math.ceil(size / 2)).toString('hex')]]), forcedRevision: 0 }
}

/** Follows with a log of revisions and errors; the poll is far away unless a test wants it. */
function follow(t: TestContext, bus: Bus, options: Partial<FollowConfigOptions> = {}) {
  const taken: ConfigRevision[] = []
  const errors: string[] = []
  const refused: string[] = []
  const tell = (error: unknown) => void errors.push((error as SluiceError).code)
  const onRevision = (revision: ConfigRevision) => void taken.push(revision)
  const feed = followConfig(bus, { scope, pollMs: minute, onRevision, onError: tell, onUnreachable: tell, onRefused: (reason) => void refused.push(reason), ...options })
  t.after(() => feed.stop())
  return { feed, taken, errors, refused, revisions: () => taken.map(({ revision }) => revision) }
}

/** A control whose head the test moves; counts how often it was asked for the head. */
function control(bus: Bus, head?: ConfigRevision, signer?: ConfigSigner) {
  const known: ConfigRevision[] = []
  const serving = new ConfigServing({
    scope, signer,
    head: async () => (state.asked++, state.head),
    recent: (revision, digest) => known.find((one) => one.revision === revision && one.config.digest === digest)?.config,
  })
  const state = { head, asked: 0, known, serving, announce: (revision: ConfigRevision, before?: ConfigRevision) => serving.announce(bus, revision, before) }
  serving.listen(bus, { queue: 'control' })
  return state
}

/** A control that answers each question as the script says. */
function scriptedControl(bus: Bus, head: () => MessageInitShape<typeof ConfigReplySchema>, segments: (digests: readonly string[]) => MessageInitShape<typeof ConfigSegmentsReplySchema> = () => ({ scope })) {
  answer(bus, subjects.configGet(scope), { request: ConfigRequestSchema, reply: ConfigReplySchema }, head)
  answer(bus, subjects.configSegments(scope), { request: ConfigSegmentsRequestSchema, reply: ConfigSegmentsReplySchema }, ({ digests }) => segments(digests))
}

const listOf = ({ revision, config }: ConfigRevision) => ({ scope, revision, digest: config.digest, segments: Buffer.concat(config.segments.map(({ digest }) => Buffer.from(digest, 'hex'))) })

function keys() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', { privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
  return { signer: createConfigSigner(privateKey), publicKey, verifier: createConfigVerifier(publicKey) }
}

test('whoever begins to follow gets the head, whole, however many parts it takes', async (t) => {
  const bus = createLocalBus()
  const head = revisionOf(7, 1_300_000)
  const served = control(bus, head)
  const { feed, taken, errors } = follow(t, bus)
  await feed.pull()
  assert.deepEqual(taken.map(({ revision }) => revision), [7])
  assert.deepEqual(taken[0]?.config.segments, head.config.segments)
  assert.deepEqual(feed.head(), { revision: 7, digest: head.config.digest })
  assert.deepEqual(errors, [])
  assert.equal(served.asked, 2) // for the head, and that nothing is newer
})

test('a small change comes with its announcement, nobody is asked', async (t) => {
  const bus = createLocalBus()
  const first = revisionOf(1, 300_000)
  const served = control(bus, first)
  const { feed, revisions, taken } = follow(t, bus)
  await feed.pull()
  const asked = served.asked
  const second = { ...first, revision: 2, config: first.config.with(['["routes/r3",{"name":"r3","match":{}}]', '["routes/r4"]']) }
  served.announce(second, first)
  await waitUntil(() => revisions().length === 2)
  assert.equal(taken[1]?.config.digest, second.config.digest)
  assert.deepEqual([taken[1]?.config.get('routes/r3'), taken[1]?.config.get('routes/r4')], [{ name: 'r3', match: {} }, undefined])
  assert.equal(served.asked, asked)
})

test('a large change is announced without what it is and fetched', async (t) => {
  const bus = createLocalBus()
  const served = control(bus)
  const { feed, revisions } = follow(t, bus)
  await feed.pull()
  served.head = revisionOf(1, 64 * 1024 + 1)
  served.announce(served.head)
  await waitUntil(() => revisions().length === 1)
})

test('who has missed changes is given what leads from where it is, or the segments that differ', async (t) => {
  const bus = createLocalBus()
  const [first, second, third] = [revisionOf(1, 200_000), revisionOf(2, 200_000), revisionOf(3, 700_000)]
  const served = control(bus, first)
  const { feed, taken } = follow(t, bus)
  await feed.pull()
  const asked: number[] = []
  bus.subscribe(subjects.configSegments(scope), () => void asked.push(1))
  served.known.push(first)
  served.head = second
  await feed.pull()
  assert.deepEqual([taken.at(-1)?.config.digest, asked.length], [second.config.digest, 0])
  served.head = third
  await feed.pull()
  assert.equal(taken.at(-1)?.config.digest, third.config.digest)
  assert.ok(asked.length > 0)
})

test('a change that does not lead where it says is never handed on; the true revision is fetched instead', async (t) => {
  const bus = createLocalBus()
  const head = revisionOf(2)
  const served = control(bus)
  const { feed, taken, refused } = follow(t, bus)
  await feed.pull()
  served.head = head
  const delta = { fromRevision: 0, fromDigest: emptyConfig.digest, lines: Buffer.from('["routes/evil",{"name":"evil"}]\n') }
  announce(bus, subjects.configHint(scope), ConfigHintSchema, { scope, revision: 2, digest: head.config.digest, delta })
  await waitUntil(() => taken.length === 1)
  assert.equal(taken[0]?.config.get('routes/evil'), undefined)
  assert.deepEqual(refused, ['digest'])
})

test('a segment that is not what its digest says is refused, and asked for again at the next poll', async (t) => {
  const bus = createLocalBus()
  const head = revisionOf(1)
  let isForged = true
  scriptedControl(bus, () => listOf(head), (digests) => {
    const segments = digests.map((digest) => head.config.segments.find((one) => one.digest === digest)!)
    return { scope, segments: segments.map(({ digest, text }) => ({ digest, totalBytes: text.length, bytes: isForged ? Buffer.from('x'.repeat(text.length)) : Buffer.from(text) })) }
  })
  const { feed, errors, revisions, refused } = follow(t, bus, { pollMs: 20 })
  await feed.pull()
  assert.deepEqual(revisions(), [])
  assert.ok(errors.includes('config.invalid') && refused.includes('digest'))
  isForged = false
  await waitUntil(() => revisions().length > 0)
  assert.deepEqual(revisions(), [1])
})

test('with a key known, only what it has signed is taken, by whatever way it comes', async (t) => {
  const bus = createLocalBus()
  const [own, other] = [keys(), keys()]
  const first = revisionOf(1)
  const served = control(bus, first, own.signer)
  const { feed, taken, refused } = follow(t, bus, { verifier: createConfigVerifier(other.publicKey + own.publicKey) })
  await feed.pull()
  assert.deepEqual(taken.map(({ revision }) => revision), [1])
  const forged = { ...first, revision: 2, config: first.config.with(['["routes/evil",{}]']) }
  const stranger = keys().signer
  for (const signer of [undefined, stranger]) new ConfigServing({ scope, signer, head: async () => forged, recent: () => undefined }).announce(bus, forged, first)
  // What was signed for another number, and as not forced, is signed for nothing else.
  const seal = { forcedRevision: 0, signature: own.signer.sign({ scope, revision: 1, digest: forged.config.digest, forcedRevision: 0 }) }
  announce(bus, subjects.configHint(scope), ConfigHintSchema, { scope, revision: 2, digest: forged.config.digest, seal, delta: { fromRevision: 1, fromDigest: first.config.digest, lines: Buffer.from(textOfLines(deltaBetween(first.config, forged.config))) } })
  const forcedSeal = { forcedRevision: 2, signature: own.signer.sign({ scope, revision: 2, digest: forged.config.digest, forcedRevision: 0 }) }
  announce(bus, subjects.configHint(scope), ConfigHintSchema, { scope, revision: 2, digest: forged.config.digest, seal: forcedSeal })
  await bus.flush()
  await waitUntil(() => refused.length === 4)
  assert.deepEqual(new Set(refused), new Set(['signature']))
  served.announce({ ...forged, revision: 3 }, first)
  await waitUntil(() => taken.length === 2)
  assert.deepEqual(taken.map(({ revision }) => revision), [1, 3])
})

test('a control without the key is not believed when it is asked', async (t) => {
  const bus = createLocalBus()
  control(bus, revisionOf(1), keys().signer)
  const { feed, errors, refused, revisions } = follow(t, bus, { verifier: keys().verifier })
  await feed.pull()
  assert.deepEqual(revisions(), [])
  assert.ok(refused.length > 0 && refused.every((reason) => reason === 'signature'))
  assert.ok(errors.every((code) => code === 'config.invalid'))
})

test('an older revision, announced once more, changes nothing and is counted', async (t) => {
  const bus = createLocalBus()
  const { signer, verifier } = keys()
  const [first, second] = [revisionOf(1), revisionOf(2)]
  const served = control(bus, second, signer)
  const { feed, refused, revisions } = follow(t, bus, { verifier })
  await feed.pull()
  served.announce(first)
  await waitUntil(() => refused.length === 1)
  assert.deepEqual(refused, ['replayed'])
  assert.deepEqual(revisions(), [2])
})

test('one revision is applied at a time, the newest of those that came meanwhile is next', async (t) => {
  const bus = createLocalBus()
  const served = control(bus)
  const began: number[] = []
  const mayEnd = Promise.withResolvers<void>()
  const onRevision = ({ revision }: ConfigRevision) => (began.push(revision), mayEnd.promise)
  const { feed } = follow(t, bus, { onRevision })
  await feed.pull()
  const [one, two, three, four] = [revisionOf(1), revisionOf(2), revisionOf(3), revisionOf(4)]
  served.announce(one)
  served.announce(two, one)
  served.announce(four, two)
  served.announce(three, two)
  await bus.flush()
  assert.deepEqual(began, [1])
  assert.equal(feed.head(), undefined)
  mayEnd.resolve()
  await waitUntil(() => feed.head()?.revision === 4)
  assert.deepEqual(began, [1, 4])
})

test('what is not newer than what is here is passed over', async (t) => {
  const bus = createLocalBus()
  const head = revisionOf(5)
  const served = control(bus, head)
  const { feed, errors, revisions } = follow(t, bus, { have: head })
  await feed.pull()
  served.announce(head)
  await bus.flush()
  assert.deepEqual(revisions(), [])
  assert.deepEqual(errors, [])
  served.announce(revisionOf(6), head)
  await waitUntil(() => revisions().length === 1)
})

test('one number with two digests is an error, announced or fetched', async (t) => {
  const bus = createLocalBus()
  const served = control(bus)
  const { feed, errors, revisions } = follow(t, bus, { have: revisionOf(5) })
  await feed.pull()
  served.announce(revisionOf(5))
  await waitUntil(() => errors.length === 1)
  served.head = revisionOf(5)
  await feed.pull()
  assert.deepEqual(errors, ['config.invalid', 'config.invalid'])
  assert.deepEqual(revisions(), [])
})

test('when the head moves on and its segments are gone, the new one is fetched', async (t) => {
  const bus = createLocalBus()
  const [gone, head] = [revisionOf(1), revisionOf(2)]
  let asked = 0
  const serving = new ConfigServing({ scope, head: async () => head, recent: () => undefined })
  await serving.answer({ scope, haveRevision: 0, haveDigest: '' } as never)
  scriptedControl(bus, () => listOf(++asked === 1 ? gone : head), (digests) => serving.answerSegments({ scope, digests, offset: 0 } as never))
  const { feed, revisions, errors } = follow(t, bus)
  await feed.pull()
  assert.deepEqual(revisions(), [2])
  assert.deepEqual(errors, [])
})

test('an announced revision is asked for until some control has it', async (t) => {
  const bus = createLocalBus()
  const served = control(bus, revisionOf(1))
  const { feed, revisions } = follow(t, bus)
  await feed.pull()
  const head = revisionOf(2)
  const asked = served.asked
  announce(bus, subjects.configHint(scope), ConfigHintSchema, { scope, revision: 2, digest: head.config.digest })
  await waitUntil(() => served.asked === asked + 2)
  served.head = head
  await waitUntil(() => revisions().at(-1) === 2)
})

test('a head that moves with every question ends in an error, not in an endless download', async (t) => {
  const bus = createLocalBus()
  let revision = 0
  scriptedControl(bus, () => listOf(revisionOf(++revision)))
  const { errors } = follow(t, bus)
  await waitUntil(() => errors.length > 0)
  assert.deepEqual(errors, ['dependency.timeout'])
})

test('replies that make no sense are refused', async (t) => {
  const good = revisionOf(3, 3000)
  const largest = good.config.segments.find(({ text }) => text.length > 1000)!
  const piece = (facts: object) => ({ scope, segments: [{ digest: largest.digest, totalBytes: largest.text.length, bytes: Buffer.from(largest.text), ...facts }] })
  const nonsense: Record<string, [MessageInitShape<typeof ConfigReplySchema>, MessageInitShape<typeof ConfigSegmentsReplySchema>?]> = {
    'no list': [{ ...listOf(good), segments: new Uint8Array() }],
    'a short list': [{ ...listOf(good), segments: listOf(good).segments.subarray(32) }],
    'another list': [{ ...listOf(good), segments: listOf(revisionOf(3)).segments }],
    'no revision': [{ ...listOf(good), revision: 0 }],
    'not a number': [{ ...listOf(good), revision: Number.NaN }],
    'no digest': [{ ...listOf(good), digest: 'abc' }],
    'a segment nobody asked for': [listOf(good), piece({ digest: 'f'.repeat(64) })],
    'nothing of a segment': [listOf(good), piece({ bytes: new Uint8Array() })],
    'too much': [listOf(good), piece({ bytes: Buffer.alloc(6000), totalBytes: 6000 })],
  }
  for (const [name, [reply, segments]] of Object.entries(nonsense)) {
    const bus = createLocalBus()
    scriptedControl(bus, () => reply, (digests) => segments ?? { scope, segments: digests.map((digest) => ({ digest, totalBytes: 0, bytes: new Uint8Array() })) })
    const { feed, errors, revisions } = follow(t, bus, { maxConfigBytes: 5000 })
    await feed.pull()
    assert.ok(errors.includes('config.invalid'), `${name}: ${errors.join()}`)
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

test('while control cannot be asked on the bus the other way serves, and what it brings is checked too', async (t) => {
  const bus = createLocalBus()
  const { signer, verifier } = keys()
  const served = (by?: ConfigSigner) => new ConfigServing({ scope, signer: by, head: async () => revisionOf(3), recent: () => undefined })
  const ways = [served(), served(signer)]
  const inProcess = (serving: ConfigServing): ConfigTransport => ({ ask: async (request) => serving.answer(request as never) as never, askSegments: async (request) => serving.answerSegments({ offset: 0, ...request } as never) as never })
  const fallback: ConfigTransport = { ask: (request) => inProcess(ways[0]!).ask(request), askSegments: (request) => inProcess(ways[0]!).askSegments(request) }
  const { feed, errors, refused, revisions } = follow(t, bus, { fallback, verifier })
  await feed.pull()
  assert.deepEqual(revisions(), [])
  assert.ok(refused.includes('signature') && errors.includes('dependency.no_responder'))
  ways.shift()
  await feed.pull()
  assert.deepEqual(revisions(), [3])
})

test('another way that fails is told, and the next poll goes on', async (t) => {
  const bus = createLocalBus()
  const fail = async () => Promise.reject(new SluiceError('dependency.store_unreachable'))
  const { feed, errors, revisions } = follow(t, bus, { fallback: { ask: fail, askSegments: fail }, pollMs: 20 })
  await feed.pull()
  assert.ok(errors.includes('dependency.store_unreachable'))
  control(bus, revisionOf(1))
  await waitUntil(() => revisions().length === 1)
})

test('a revision that could not be taken is handed over again at the next poll', async (t) => {
  const bus = createLocalBus()
  control(bus, revisionOf(1))
  let tries = 0
  const onRevision = async () => {
    if (++tries === 1) throw new SluiceError('internal.unexpected')
  }
  const { feed, errors } = follow(t, bus, { onRevision, pollMs: 20 })
  await waitUntil(() => feed.head()?.revision === 1)
  assert.equal(tries, 2)
  assert.deepEqual(errors, ['internal.unexpected'])
})

test('a lost announcement costs one poll, a connection that comes back asks at once', async (t) => {
  const local = createLocalBus()
  const served = control(local, revisionOf(1))
  const { bus, tell } = withTold(local)
  const polling = follow(t, local, { pollMs: 20 })
  const waiting = follow(t, bus)
  await Promise.all([polling.feed.pull(), waiting.feed.pull()])
  served.head = revisionOf(2)
  await waitUntil(() => polling.revisions().at(-1) === 2)
  assert.deepEqual(waiting.revisions(), [1])
  await tell('disconnected')
  await tell('connected')
  await waitUntil(() => waiting.revisions().at(-1) === 2)
})

test('after stopping nothing is handed on, not even what was on its way', async (t) => {
  const bus = createLocalBus()
  const gate = Promise.withResolvers<ConfigRevision>()
  const serving = new ConfigServing({ scope, head: () => gate.promise, recent: () => undefined })
  serving.listen(bus, {})
  const { feed, revisions } = follow(t, bus)
  const pulled = feed.pull()
  feed.stop()
  gate.resolve(revisionOf(1))
  await pulled
  serving.announce(bus, revisionOf(2), undefined)
  await bus.flush()
  assert.deepEqual(revisions(), [])
})

test('announcements of another scope, or without a revision, are malformed here', async (t) => {
  const bus = createLocalBus()
  control(bus)
  const { revisions } = follow(t, bus)
  for (const hint of [{ scope: 'other', revision: 1 }, { scope, revision: 0 }, { scope, revision: 1.5 }]) {
    announce(bus, subjects.configHint(scope), ConfigHintSchema, { ...hint, digest: 'a'.repeat(64) })
  }
  await bus.flush()
  assert.deepEqual(revisions(), [])
  assert.equal(bus.counts.malformed, 3)
})

test('a key that cannot sign revisions is refused with how to make one', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
  for (const make of [() => createConfigSigner(rsa.privateKey), () => createConfigSigner('none'), () => createConfigVerifier(rsa.publicKey), () => createConfigVerifier('')]) {
    assert.throws(make, (error: SluiceError) => error.code === 'config.invalid' && error.detail.includes('openssl genpkey -algorithm ed25519'))
  }
})
