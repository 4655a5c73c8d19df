import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { IntrospectionRules, Verdict } from '@sluice/policies/policy'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { scriptedAuth } from '../../test/scripted-auth.ts'
import { ConsumersBySubject } from './consumers-by-subject.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { IntrospectedTokens } from './introspected-tokens.ts'
import { KnownChanges } from './known-changes.ts'
import { RevokedTokens } from './revoked-tokens.ts'

const startMs = Date.UTC(2027, 0, 1)
const soon = startMs / 1000 + 3600
const plain: IntrospectionRules = {
  introspectionUrl: 'https://id.example/introspect', issuer: undefined, clientId: 'gateway', clientSecret: 's', secretInBody: false, insecure: false,
  timeoutMs: 500, cacheSeconds: 60, staleSeconds: 0, audiences: [], requiredClaims: [], consumerClaim: undefined,
}

async function tokensOf(t: TestContext, rules: Partial<IntrospectionRules> = {}) {
  const auth = await scriptedAuth(t)
  auth.opaque.set('good', { claims: { sub: 'alice', scope: 'read write', exp: soon } })
  const clock = createFakeClock(startMs)
  const changes = new KnownChanges()
  const revoked = new RevokedTokens(clock)
  let failures = 0
  // Every attempt after the third has to wait.
  const limiter = () => ({ take: () => ({ admitted: ++failures <= 3, remaining: 0, resetMs: 0, retryAfterMs: 1000, waitMs: 0, decidedBy: 'counters' as const }), giveBack: () => {}, settle: () => {} })
  const common = { bus: auth.bus, scope: 'default', changes, clock, attempts: new FailedAttempts({ limiter, clock }) }
  const consumers = new ConsumersBySubject({ ...common, timeoutMs: 500 })
  const tokens = new IntrospectedTokens({ ...plain, ...rules }, { ...common, consumers, revoked, secret: Buffer.alloc(32) })
  return { auth, clock, revoked, check: (token = 'good', from?: string) => tokens.check(token, from) }
}

const who = (verdict: Verdict) => (verdict.outcome === 'valid' ? verdict.identity.consumer : verdict.outcome === 'invalid' ? verdict.reason : verdict.outcome === 'unavailable' ? verdict.code : verdict.outcome)
const isInvalid = (reason: string): Verdict => ({ outcome: 'invalid', reason })

suite('opaque tokens', () => {
  test('are the consumer that has their subject, with groups and scopes', async (t) => {
    const { auth, check } = await tokensOf(t)
    auth.subjects.set('alice', { consumer: 'acme', groups: ['gold'] })
    const verdict = await check()
    assert.ok(verdict.outcome === 'valid')
    const { consumer, groups, scopes, method, resolved } = verdict.identity
    assert.deepEqual([consumer, groups, scopes, method, resolved], ['acme', ['gold'], ['read', 'write'], 'oauth2-introspection', true])
  })

  test('seen before are answered at once by the same identity, without asking', async (t) => {
    const { auth, check } = await tokensOf(t)
    assert.equal(who(await check()), 'alice')
    assert.equal(check(), await check())
    assert.equal(auth.count('introspect'), 1)
  })

  test('without a subject are their client\'s, or of whom the rules name; else nobody\'s', async (t) => {
    const { auth, check } = await tokensOf(t)
    auth.opaque.set('of a client', { claims: { client_id: 'shop' } })
    auth.opaque.set('of nobody', { claims: {} })
    assert.equal(who(await check('of a client')), 'shop')
    assert.equal(who(await check('of nobody')), 'subject_missing')
    const named = await tokensOf(t, { consumerClaim: 'username' })
    named.auth.opaque.set('named', { claims: { sub: 'x', username: 'bob' } })
    assert.equal(who(await named.check('named')), 'bob')
    assert.equal(who(await named.check('good')), 'subject_missing')
  })

  test('are asked about again when an answer has its age, counted from when the issuer gave it', async (t) => {
    const { auth, clock, check } = await tokensOf(t)
    auth.opaque.set('good', { claims: { sub: 'alice' }, ageMs: 20_000 })
    await check()
    clock.advance(40_000)
    auth.opaque.delete('good')
    assert.deepEqual(await check(), isInvalid('inactive'))
  })

  test('in use are asked about ahead of time, and for a newer answer than the one at hand', async (t) => {
    const { auth, clock, check } = await tokensOf(t)
    await check()
    clock.advance(48_000)
    assert.ok(!(check() instanceof Promise))
    await waitUntil(() => auth.count('introspect') === 2)
    assert.equal(auth.asked.find((question) => question.startsWith('introspect')), 'introspect good 30000')
  })

  test('are never good past their exp, whatever is remembered', async (t) => {
    const { auth, clock, check } = await tokensOf(t, { cacheSeconds: 86_400 })
    auth.opaque.set('brief', { claims: { sub: 'alice', exp: startMs / 1000 + 10 } })
    assert.equal(who(await check('brief')), 'alice')
    clock.advance(10_000)
    assert.deepEqual(await check('brief'), isInvalid('expired'))
  })

  test('that are not active are asked about again after two seconds', async (t) => {
    const { auth, clock, check } = await tokensOf(t)
    assert.deepEqual(await check('bad'), isInvalid('inactive'))
    assert.deepEqual(check('bad'), isInvalid('inactive'))
    clock.advance(2000)
    await check('bad')
    assert.equal(auth.count('introspect bad'), 2)
  })

  const refused: readonly (readonly [string, object, Partial<IntrospectionRules>, string])[] = [
    ['that have expired, though the issuer calls them active', { sub: 'a', exp: startMs / 1000 }, {}, 'expired'],
    ['that are not valid yet', { sub: 'a', nbf: soon }, {}, 'not_yet_valid'],
    ['for another audience', { sub: 'a', aud: ['web'] }, { audiences: ['api'] }, 'wrong_audience'],
    ['without a claim that is required', { sub: 'a' }, { requiredClaims: ['tenant'] }, 'claim_missing'],
    ['bound to a proof of possession', { sub: 'a', token_type: 'DPoP', cnf: { jkt: 'x' } }, {}, 'token_bound'],
    ['of another type', { sub: 'a', token_type: 'refresh_token' }, {}, 'token_not_bearer'],
  ]
  for (const [which, claims, rules, reason] of refused) {
    test(`${which} are refused`, async (t) => {
      const { auth, check } = await tokensOf(t, rules)
      auth.opaque.set('odd', { claims })
      assert.deepEqual(await check('odd'), isInvalid(reason))
    })
  }

  test('whose dates cannot be read are not judged', async (t) => {
    const { auth, check } = await tokensOf(t)
    auth.opaque.set('odd', { claims: { sub: 'a', exp: 'tomorrow' } })
    assert.deepEqual(await check('odd'), { outcome: 'unavailable', code: 'dependency.issuer_unreachable' })
  })

  test('are unavailable while the issuer or auth cannot be asked, and each is said as it is', async (t) => {
    const { auth, clock, check } = await tokensOf(t)
    auth.failWith = 'dependency.issuer_unreachable'
    assert.deepEqual(await check(), { outcome: 'unavailable', code: 'dependency.issuer_unreachable' })
    auth.failWith = undefined
    auth.leave()
    clock.advance(1000)
    assert.deepEqual(await check(), { outcome: 'unavailable', code: 'dependency.auth_unreachable' })
  })

  test('that were good are used on while the issuer is away, for as long as the rules say', async (t) => {
    const { auth, clock, check } = await tokensOf(t, { staleSeconds: 300 })
    await check()
    auth.failWith = 'dependency.issuer_unreachable'
    clock.advance(200_000)
    assert.equal(who(await check()), 'alice')
    clock.advance(101_000)
    assert.equal(who(await check()), 'dependency.issuer_unreachable')
  })

  test('that are no good are not asked about any more once an address sent too many; one that is known is used', async (t) => {
    const { auth, check } = await tokensOf(t)
    await check('good', '192.0.2.7')
    for (let index = 0; index < 10; index++) await check(`guess${index}`, '192.0.2.7')
    assert.equal(auth.count('introspect guess'), 4)
    assert.equal(who(await check('guess', '192.0.2.7')), 'throttled')
    assert.equal(who(await check('good', '192.0.2.7')), 'alice')
    assert.equal(who(await check('guess', '192.0.2.8')), 'inactive')
  })

  test('are asked about once, however many requests carry them at once', async (t) => {
    const { auth, check } = await tokensOf(t)
    await Promise.all(Array.from({ length: 100 }, () => check()))
    assert.equal(auth.count('introspect'), 1)
  })
})
