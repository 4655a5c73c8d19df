import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { CredentialChangeKind } from '@sluice/proto/messages/auth'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { aboutConsumer, KnownChanges } from './known-changes.ts'
import { type Answer, type Away, type Remembered, RememberedAnswers } from './remembered-answers.ts'

const limits = { freshMs: 300_000, staleMs: 3_600_000 }

function answersOf() {
  const clock = createFakeClock()
  const changes = new KnownChanges()
  const auth = {
    asked: [] as string[],
    answer: { value: 'yes', names: [aboutConsumer('acme')], version: 1 } as Answer<string>,
    failure: undefined as unknown,
    hold: undefined as Promise<void> | undefined,
    beforeAnswer: undefined as (() => void) | undefined,
  }
  const answers = new RememberedAnswers<string, string>({
    clock, changes,
    graceMs: 5,
    async ask(question) {
      auth.asked.push(question)
      const { answer } = auth
      await auth.hold
      if (auth.failure !== undefined) throw auth.failure
      auth.beforeAnswer?.()
      return answer
    },
  })
  const lookUp = (key = 'k', given = limits) => answers.lookUp(key, key, given)
  const say = (answer: Remembered<string> | Away) => ('away' in answer ? answer.away : answer.value)
  const value = async (key = 'k', given = limits) => say(await lookUp(key, given))
  const change = (version: number, consumer = 'acme') => changes.hear({ kind: CredentialChangeKind.CONSUMER, version, consumer, credentialId: '', subjects: [] })
  return { clock, changes, auth, lookUp, value, change }
}

const unreachable = new SluiceError('dependency.no_responder')

suite('remembered answers', () => {
  test('are given at once, and asked for once however many want them', async () => {
    const { auth, lookUp, value } = answersOf()
    assert.deepEqual(await Promise.all(Array.from({ length: 50 }, () => value())), Array(50).fill('yes'))
    assert.ok(!(lookUp() instanceof Promise))
    assert.equal(auth.asked.length, 1)
  })

  test('are asked for again before they stop being fresh, without anybody waiting', async () => {
    const { clock, auth, lookUp } = answersOf()
    await lookUp()
    clock.advance(239_999)
    assert.ok(!(lookUp() instanceof Promise))
    assert.equal(auth.asked.length, 1)
    clock.advance(1)
    assert.ok(!(lookUp() instanceof Promise))
    await waitUntil(() => auth.asked.length === 2)
    clock.advance(239_999)
    assert.ok(!(lookUp() instanceof Promise))
    assert.equal(auth.asked.length, 2)
  })

  test('that nobody asked about in time are asked for before they are used', async () => {
    const { clock, auth, lookUp } = answersOf()
    await lookUp()
    clock.advance(300_000)
    auth.answer = { ...auth.answer, value: 'no more' }
    assert.ok(lookUp() instanceof Promise)
  })

  test('stand in while auth is away, up to their last second and not beyond', async () => {
    const { clock, auth, value } = answersOf()
    await value()
    auth.failure = unreachable
    clock.advance(3_599_999)
    assert.equal(await value(), 'yes')
    clock.advance(1)
    assert.equal(await value(), 'dependency.auth_unreachable')
  })

  test('while auth is away are given without waiting, and auth is asked once a second', async () => {
    const { clock, auth, lookUp, value } = answersOf()
    await value()
    auth.failure = unreachable
    clock.advance(300_000)
    await value()
    const before = auth.asked.length
    for (let tenth = 0; tenth < 50; tenth++) {
      assert.ok(!(lookUp() instanceof Promise))
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(100)
    }
    assert.equal(auth.asked.length - before, 4)
  })

  test('are renewed once auth is back', async () => {
    const { clock, auth, value } = answersOf()
    await value()
    auth.failure = unreachable
    clock.advance(300_000)
    await value()
    auth.failure = undefined
    auth.answer = { ...auth.answer, value: 'newer' }
    clock.advance(1000)
    await waitUntil(async () => (await value()) === 'newer')
  })

  test('of an auth that does not answer nobody waits for longer than it takes to notice', async () => {
    const { auth, value } = answersOf()
    auth.failure = unreachable
    await value('first')
    auth.failure = undefined
    const released = Promise.withResolvers<void>()
    auth.hold = released.promise
    assert.equal(await value('second'), 'dependency.auth_unreachable')
    released.resolve()
    await waitUntil(async () => (await value('second')) === 'yes')
    assert.deepEqual(auth.asked, ['first', 'second'])
  })

  test('a question that failed is not put again for a second', async () => {
    const { clock, auth, value } = answersOf()
    auth.failure = unreachable
    for (let turn = 0; turn < 100; turn++) assert.equal(await value(), 'dependency.auth_unreachable')
    assert.equal(auth.asked.length, 1)
    clock.advance(1000)
    auth.failure = undefined
    assert.equal(await value(), 'yes')
  })

  test('an auth that has too much to do is said to have that', async () => {
    const { auth, value } = answersOf()
    auth.failure = new SluiceError('dependency.verifier_overloaded')
    assert.equal(await value(), 'dependency.verifier_overloaded')
  })
})

suite('answers and changes', () => {
  test('a change to what an answer is about ends it at once', async () => {
    const { auth, lookUp, value, change } = answersOf()
    await value()
    change(2, 'other')
    assert.ok(!(lookUp() instanceof Promise))
    change(3)
    auth.answer = { value: 'no', names: undefined, version: 3 }
    assert.equal(await value(), 'no')
  })

  test('also one that stands in while auth is away', async () => {
    const { clock, auth, value, change } = answersOf()
    await value()
    auth.failure = unreachable
    clock.advance(400_000)
    assert.equal(await value(), 'yes')
    change(2)
    assert.equal(await value(), 'dependency.auth_unreachable')
  })

  test('an answer that a change overtook on its way is asked for again', async () => {
    const { auth, value, change } = answersOf()
    let isFirst = true
    auth.beforeAnswer = () => {
      if (isFirst) {
        change(2)
        auth.answer = { value: 'no', names: undefined, version: 2 }
      }
      isFirst = false
    }
    assert.equal(await value(), 'no')
    assert.equal(auth.asked.length, 2)
  })

  test('an auth that goes on reading from before the change is not believed', async () => {
    const { auth, value, change } = answersOf()
    change(5)
    auth.answer = { value: 'yes', names: [aboutConsumer('acme')], version: 4 }
    assert.equal(await value(), 'dependency.auth_unreachable')
    assert.equal(auth.asked.length, 3)
  })

  test('an old version is no harm when what it tells of has not changed since', async () => {
    const { auth, lookUp, value, change } = answersOf()
    change(5, 'other')
    auth.answer = { value: 'yes', names: [aboutConsumer('acme')], version: 4 }
    assert.equal(await value(), 'yes')
    assert.ok(!(lookUp() instanceof Promise))
  })

  test('a refusal is remembered for two seconds, and ends with any change', async () => {
    const { clock, auth, lookUp, value, change } = answersOf()
    auth.answer = { value: 'no', names: undefined, version: 1 }
    await value()
    clock.advance(1999)
    assert.ok(!(lookUp() instanceof Promise))
    clock.advance(1)
    await value()
    assert.equal(auth.asked.length, 2)
    change(2, 'somebody')
    await value()
    assert.equal(auth.asked.length, 3)
  })

  test('a flood of refusals pushes out no answer that is good', async () => {
    const { auth, lookUp, value } = answersOf()
    await value('good')
    auth.answer = { value: 'no', names: undefined, version: 1 }
    for (let index = 0; index < 11_000; index++) await value(`guess${index}`)
    assert.ok(!(lookUp('good') instanceof Promise))
    assert.equal(auth.asked.length, 11_001)
  })
})
