import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { createFakeClock } from '@sluice/testkit'
import { Introspections } from './introspections.ts'
import type { Introspected } from './issuer-client.ts'

const settings = { introspectionUrl: 'https://id.example/introspect', issuer: '', clientId: 'gateway', clientSecret: 'secret', secretInBody: false, insecure: false }

/** An issuer that answers when it is told to, and counts. */
function introspectionsOf() {
  const clock = createFakeClock()
  const issuer = { asked: [] as string[], answer: { active: true, members: { sub: 'alice' } } as Introspected, hold: undefined as Promise<void> | undefined, failure: undefined as Error | undefined }
  const outcomes: string[] = []
  const introspections = new Introspections({
    clock,
    onAnswered: (outcome) => outcomes.push(outcome),
    onFailed: (name, reason) => outcomes.push(`${name}: ${reason}`),
    clientFor: (one) => ({
      async introspect(token) {
        issuer.asked.push(`${one.clientId} ${token}`)
        await issuer.hold
        if (issuer.failure !== undefined) throw issuer.failure
        return issuer.answer
      },
    }),
  })
  const ask = (token = 'opaque', more: { maxAgeMs?: number; clientSecret?: string; clientId?: string } = {}) =>
    introspections.introspect({ ...settings, token, timeoutMs: 1000, maxAgeMs: 30_000, ...more })
  return { clock, issuer, outcomes, ask }
}

suite('what issuers say of tokens', () => {
  test('many that ask about one token at once are one question', async () => {
    const { issuer, ask, outcomes } = introspectionsOf()
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()))
    assert.ok(answers.every(({ active, claims }) => active && Buffer.from(claims).toString() === '{"sub":"alice"}'))
    assert.deepEqual([issuer.asked, outcomes], [['gateway opaque'], ['active']])
  })

  test('an answer is used for as long as the asker allows, and says how old it is', async () => {
    const { clock, issuer, ask } = introspectionsOf()
    await ask()
    clock.advance(20_000)
    assert.equal((await ask()).ageMs, 20_000)
    assert.equal((await ask('opaque', { maxAgeMs: 20_000 })).ageMs, 0)
    assert.equal(issuer.asked.length, 2)
  })

  test('an asker that allows no age has each token asked about each time', async () => {
    const { issuer, ask } = introspectionsOf()
    await ask('opaque', { maxAgeMs: 0 })
    await ask('opaque', { maxAgeMs: 0 })
    assert.equal(issuer.asked.length, 2)
  })

  test('an answer is as old as its question: what was revoked meanwhile is not taken for fresh', async () => {
    const { clock, issuer, ask } = introspectionsOf()
    const released = Promise.withResolvers<void>()
    issuer.hold = released.promise
    const pending = ask()
    clock.advance(900)
    released.resolve()
    assert.equal((await pending).ageMs, 900)
  })

  test('a token that is not active is asked about again after two seconds', async () => {
    const { clock, issuer, ask } = introspectionsOf()
    issuer.answer = { active: false }
    assert.deepEqual([(await ask()).active, (await ask()).claims.length], [false, 0])
    assert.equal(issuer.asked.length, 1)
    clock.advance(2000)
    issuer.answer = { active: true, members: {} }
    assert.equal((await ask()).active, true)
  })

  test('what one client was told is no answer for another, nor for one with a wrong secret', async () => {
    const { issuer, ask } = introspectionsOf()
    await ask()
    await ask('opaque', { clientId: 'other' })
    await ask('opaque', { clientSecret: 'wrong' })
    assert.deepEqual(issuer.asked, ['gateway opaque', 'other opaque', 'gateway opaque'])
  })

  test('an issuer that gives no answer is said to be unreachable, with the reason for the log', async () => {
    const { issuer, ask, outcomes } = introspectionsOf()
    issuer.failure = Object.assign(new Error('it answered'), { status: 401, error: 'invalid_client' })
    await assert.rejects(ask(), { code: 'dependency.issuer_unreachable' })
    issuer.failure = new SluiceError('dependency.verifier_overloaded')
    await assert.rejects(ask(), { code: 'dependency.verifier_overloaded' })
    assert.deepEqual(outcomes, ['https://id.example/introspect: it answered: status 401: invalid_client'])
    issuer.failure = undefined
    assert.equal((await ask()).active, true)
  })
})
