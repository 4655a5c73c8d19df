import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { busNamed } from '@sluice/buses'
import { answer } from '@sluice/buses/rpc'
import { SluiceError } from '@sluice/errors'
import { UpstreamTokenReplySchema, UpstreamTokenRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { UpstreamTokens } from './upstream-tokens.ts'

const scope = 'default'
const rules = { issuer: 'https://id.example.com', tokenUrl: undefined, clientId: 'gateway', clientSecret: 's', secretInBody: false, insecure: false, timeoutMs: 500, scopes: [], audience: undefined, resource: undefined, subjectTokenType: undefined }

/** Auth that gives each asker the next token, good for ten seconds. */
async function tokensOf(t: TestContext) {
  const bus = (await busNamed('local').load()).createLocalBus()
  t.after(() => bus.drain())
  const auth = { made: 0, asked: [] as string[], refused: [] as string[], fails: false, refuses: false }
  answer(bus, subjects.authUpstreamToken(scope), { request: UpstreamTokenRequestSchema, reply: UpstreamTokenReplySchema }, ({ subjectToken, refusedToken }) => {
    auth.asked.push(subjectToken)
    if (refusedToken !== '') auth.refused.push(refusedToken)
    if (auth.fails) throw new SluiceError('dependency.issuer_unreachable')
    return auth.refuses ? { refusal: 'invalid_grant' } : { accessToken: `token-${++auth.made}`, expiresInMs: 10_000, renewInMs: 7000 }
  })
  const clock = createFakeClock()
  return { auth, clock, tokens: new UpstreamTokens(rules, { bus, scope, clock, secret: Buffer.alloc(32) }) }
}

const one = { outcome: 'token', value: 'token-1' } as const
const two = { outcome: 'token', value: 'token-2' } as const

test('those who need a token at once ask for it once, and then it is at hand', async (t) => {
  const { auth, tokens } = await tokensOf(t)
  assert.deepEqual(await Promise.all([tokens.get(), tokens.get(), tokens.get()]), [one, one, one])
  assert.deepEqual(tokens.get(), one)
  assert.equal(auth.asked.length, 1)
})

test('nobody waits for a new one while the old one is good', async (t) => {
  const { auth, clock, tokens } = await tokensOf(t)
  await tokens.get()
  clock.advance(7000)
  assert.deepEqual(tokens.get(), one)
  await waitUntil(async () => (await tokens.get()).outcome === 'token' && auth.made === 2)
  await waitUntil(() => !(tokens.get() instanceof Promise) && JSON.stringify(tokens.get()) === JSON.stringify(two))
})

test('while no new one can be had the old one serves to its end, and then it is an outage', async (t) => {
  const { auth, clock, tokens } = await tokensOf(t)
  await tokens.get()
  auth.fails = true
  clock.advance(8000)
  assert.deepEqual(tokens.get(), one)
  await waitUntil(() => auth.asked.length === 2)
  assert.deepEqual(await tokens.get(), one)
  clock.advance(1000)
  const away = { outcome: 'unavailable', code: 'dependency.issuer_unreachable' }
  assert.deepEqual(await tokens.get(), away)
  assert.deepEqual(await tokens.get(), away)
  assert.equal(auth.asked.length, 3)
  auth.fails = false
  clock.advance(1000)
  assert.deepEqual(await tokens.get(), two)
})

test('each caller has a token of its own, and a refusal is not asked for again at once', async (t) => {
  const { auth, clock, tokens } = await tokensOf(t)
  assert.notDeepEqual(await tokens.get('of-alice'), await tokens.get('of-bob'))
  auth.refuses = true
  assert.deepEqual([await tokens.get('of-eve'), await tokens.get('of-eve')], Array.from({ length: 2 }, () => ({ outcome: 'refused', reason: 'invalid_grant' })))
  assert.deepEqual(auth.asked, ['of-alice', 'of-bob', 'of-eve'])
  clock.advance(2000)
  auth.refuses = false
  assert.equal((await tokens.get('of-eve')).outcome, 'token')
})

test('one that an upstream refused is replaced, at most once in ten seconds', async (t) => {
  const { auth, clock, tokens } = await tokensOf(t)
  await tokens.get()
  tokens.renounce('token-1')
  assert.deepEqual(await tokens.get(), two)
  assert.deepEqual(auth.refused, ['token-1'])
  tokens.renounce('token-2')
  assert.deepEqual(await tokens.get(), two)
  clock.advance(8500)
  await tokens.get()
  clock.advance(2000)
  tokens.renounce('token-1')
  assert.equal(auth.made <= 3, true)
})
