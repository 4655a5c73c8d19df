import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { waitUntil } from '@sluice/testkit'
import { mintingAt } from '../../../packages/verifier/test/hostile/minting.ts'
import { asked, startAuth } from './auth-harness.ts'
import { type IdentityProvider, startIdentityProvider, webClient } from './identity-provider.ts'
import { UserAgent } from './user-agent.ts'

const scope = 'default'
const origin = 'http://127.0.0.1:9'
const random = () => randomBytes(32).toString('base64url')

async function issuerAndAuth(t: Parameters<typeof startAuth>[0], options: { tokenSeconds?: number } = {}) {
  const provider = await startIdentityProvider(t, { ...options, origins: [origin] })
  const running = await startAuth(t)
  const client = { issuer: provider.issuer, clientId: webClient.id, clientSecret: webClient.secret, timeoutMs: 2000 }
  return { ...running, provider, client }
}

/** A browser's way through the issuer, up to where it comes back. */
async function logIn({ issuer }: Pick<IdentityProvider, 'issuer'>, changes: { user?: string; nonce?: string } = {}) {
  const facts = { state: random(), nonce: random(), codeVerifier: random() }
  const url = new URL(`${issuer}/auth`)
  const challenge = createHash('sha256').update(facts.codeVerifier).digest('base64url')
  const parameters = { response_type: 'code', client_id: webClient.id, redirect_uri: `${origin}/oauth2/callback`, scope: 'openid email offline_access', state: facts.state, nonce: changes.nonce ?? facts.nonce, code_challenge: challenge, code_challenge_method: 'S256' }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  const { url: callbackUrl } = await new UserAgent(changes.user ?? 'alice').open(url.href, { before: origin })
  return { ...facts, callbackUrl }
}

const claimsOf = ({ claims }: { claims: Uint8Array }) => JSON.parse(Buffer.from(claims).toString()) as Record<string, unknown>
const unreachable = { code: 'dependency.issuer_unreachable' }

suite('logins at a real identity provider', () => {
  test('its metadata says where browsers log in and out', async (t) => {
    const { bus, provider, client } = await issuerAndAuth(t)
    const { authorizationEndpoint, endSessionEndpoint } = await asked.endpoints(bus, { scope, client })
    assert.deepEqual([authorizationEndpoint, endSessionEndpoint], [`${provider.issuer}/auth`, `${provider.issuer}/session/end`])
  })

  test('a code becomes tokens and says who logged in, once', async (t) => {
    const { bus, provider, client } = await issuerAndAuth(t)
    const facts = await logIn(provider)
    const reply = await asked.login(bus, { scope, client, ...facts })
    const { sub, email, iss, aud } = claimsOf(reply)
    assert.deepEqual([reply.refusal, sub, email, iss, aud], ['', 'alice', 'alice@example.com', provider.issuer, webClient.id])
    assert.ok(reply.accessToken !== '' && reply.refreshToken !== '' && reply.idToken !== '' && reply.expiresInSeconds === 600)
    assert.equal(reply.sessionNames.length, 2)
    for (const name of reply.sessionNames) assert.match(name, /^session:[\w-]{43}$/)
    assert.equal((await asked.login(bus, { scope, client, ...facts })).refusal, 'invalid_grant')
  })

  test('another verifier, state, nonce or issuer than the login began with is refused, and so is an error of the issuer', async (t) => {
    const { bus, provider, client } = await issuerAndAuth(t)
    const refusalWith = async (change: object, facts: Awaited<ReturnType<typeof logIn>>) => (await asked.login(bus, { scope, client, ...facts, ...change })).refusal
    assert.equal(await refusalWith({ codeVerifier: random() }, await logIn(provider)), 'invalid_grant')
    assert.equal(await refusalWith({ state: 'other' }, await logIn(provider)), 'invalid_response')
    assert.equal(await refusalWith({}, await logIn(provider, { nonce: 'another' })), 'invalid_id_token')
    const { callbackUrl, ...facts } = await logIn(provider)
    for (const [from, to] of [[encodeURIComponent(provider.issuer), encodeURIComponent('https://id.example')], [/&iss=[^&]*/, ''], [/code=[^&]*/, 'x=1'], [/code=/, 'code=1&code=']] as const) {
      assert.equal(await refusalWith({}, { ...facts, callbackUrl: callbackUrl.replace(from, to) }), 'invalid_response', String(from))
    }
    assert.equal(await refusalWith({}, await logIn(provider, { user: 'nobody' })), 'access_denied')
    // None of these speaks against the issuer.
    assert.equal((await asked.login(bus, { scope, client, ...facts, callbackUrl })).refusal, '')
  })

  test('a refresh that is asked for many times at once, and again, is one; the issuer takes no token twice', async (t) => {
    const { bus, provider, client, count } = await issuerAndAuth(t)
    const { refreshToken } = await asked.login(bus, { scope, client, ...(await logIn(provider)) })
    const refresh = (token: string, subject = 'alice') => asked.refresh(bus, { scope, client, refreshToken: token, subject })
    const replies = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)))
    const [next] = replies
    assert.ok(replies.every((one) => one.refreshToken === next!.refreshToken && one.refusal === ''))
    assert.notEqual(next!.refreshToken, refreshToken)
    assert.equal((await refresh(refreshToken)).accessToken, next!.accessToken)
    assert.equal(count('sluice_auth_login_questions_total', 'refresh', 'answered'), 1)
    await assert.rejects(refresh(next!.refreshToken, 'bob'), unreachable)
    assert.equal((await refresh('never made')).refusal, 'invalid_grant')
  })

  test('two auths that are asked for one refresh at the same instant ask the issuer once, and the session goes on', async (t) => {
    const { bus, store, provider, client } = await issuerAndAuth(t)
    await startAuth(t, { bus, store })
    for (let round = 0; round < 3; round++) {
      const { refreshToken } = await asked.login(bus, { scope, client, ...(await logIn(provider)) })
      const before = provider.tokensAsked
      // Of calls that come together each auth is given some.
      const replies = await Promise.all(Array.from({ length: 8 }, () => asked.refresh(bus, { scope, client, refreshToken, subject: 'alice' })))
      assert.equal(provider.tokensAsked - before, 1)
      const [next] = replies
      assert.ok(replies.every((one) => one.refusal === '' && one.accessToken === next!.accessToken && one.refreshToken === next!.refreshToken))
      for (let later = 0; later < 2; later++) assert.equal((await asked.refresh(bus, { scope, client, refreshToken, subject: 'alice' })).accessToken, next!.accessToken)
      assert.equal((await asked.refresh(bus, { scope, client, refreshToken: next!.refreshToken, subject: 'alice' })).refusal, '')
    }
  })

  test('a refresh goes on while the store is away, and when the auth that was to ask the issuer is gone', async (t) => {
    const { bus, store, provider, client } = await issuerAndAuth(t)
    const first = await asked.login(bus, { scope, client, ...(await logIn(provider)) })
    // Somebody has taken the lease, and is not there any more.
    const takeEvery = store.lease.bind(store)
    store.lease = (in_, name, _holder, ms) => takeEvery(in_, name, 'an auth that has ended', ms)
    const second = await asked.refresh(bus, { scope, client, refreshToken: first.refreshToken, subject: 'alice' })
    assert.equal(second.refusal, '')
    store.lease = () => Promise.reject(new SluiceError('dependency.store_unreachable'))
    assert.equal((await asked.refresh(bus, { scope, client, refreshToken: second.refreshToken, subject: 'alice' })).refusal, '')
  })

  test('a wrong secret of the gateway, and an issuer that is down, are outages; nothing secret is logged', async (t) => {
    const { bus, provider, client, log } = await issuerAndAuth(t)
    const facts = await logIn(provider)
    const wrong = { ...client, clientSecret: 'a wrong secret' }
    await assert.rejects(asked.login(bus, { scope, client: wrong, ...facts }), unreachable)
    await provider.leave()
    await assert.rejects(asked.login(bus, { scope, client, ...facts }), unreachable)
    await assert.rejects(asked.endpoints(bus, { scope, client: { ...client, timeoutMs: 500 } }), unreachable)
    await provider.come()
    await waitUntil(async () => (await asked.login(bus, { scope, client, ...facts }).catch(() => undefined))?.refusal === '', { what: 'the issuer to be asked again' })
    for (const secret of [webClient.secret, 'a wrong secret', facts.codeVerifier]) assert.ok(!log.join('').includes(secret))
  })

  test('plain http off loopback is not asked unless that was meant', async (t) => {
    const { bus, client } = await issuerAndAuth(t)
    await assert.rejects(asked.endpoints(bus, { scope, client: { ...client, issuer: 'http://id.example' } }), { code: 'config.invalid' })
  })
})

suite('sessions that are over', () => {
  const names = ['session:own-name-0123456789', 'session:of-the-issuer-0123456789']

  test('a session is over under any of its names when it began before, and every edge is told', async (t) => {
    const { bus, heard } = await startAuth(t)
    const before = await asked.session(bus, { scope, names, startedAtMs: 1000 })
    assert.deepEqual([before.ended, before.version], [false, 0])
    const { version } = await asked.endSession(bus, { scope, names: [names[1]!], beforeMs: 2000, untilMs: Date.now() + 60_000 })
    assert.deepEqual(heard.map(({ version: told, credentialId, consumer }) => [told, credentialId, consumer]), [[version, names[1], '']])
    assert.deepEqual(await Promise.all([1000, 2000, 2001].map(async (startedAtMs) => (await asked.session(bus, { scope, names, startedAtMs })).ended)), [true, true, false])
    assert.equal((await asked.session(bus, { scope, names: [names[0]!], startedAtMs: 1000 })).ended, false)
  })

  test('what is no name of a session is refused', async (t) => {
    const { bus } = await startAuth(t)
    for (const wrong of [[], ['k7f3'], ['session:short'], Array.from({ length: 9 }, (_, index) => `session:0123456789abcdef${index}`)]) {
      await assert.rejects(asked.endSession(bus, { scope, names: wrong, beforeMs: 1, untilMs: 2 }), { code: 'config.invalid' })
      await assert.rejects(asked.session(bus, { scope, names: wrong, startedAtMs: 1 }), { code: 'config.invalid' })
    }
  })

  test('an issuer that logs a user out ends the session by a token of its own, and nothing else does', async (t) => {
    const { bus, provider, client } = await issuerAndAuth(t)
    const { sessionNames, idToken, accessToken } = await asked.login(bus, { scope, client, ...(await logIn(provider)) })
    const refusalOf = async (logoutToken: string) => (await asked.logoutToken(bus, { scope, client, logoutToken, sessionSeconds: 3600 })).refusal
    assert.equal(await refusalOf(idToken), 'claim_missing')
    assert.equal(await refusalOf(accessToken), 'token_not_compact')
    assert.equal(await refusalOf(mintingAt(Math.floor(Date.now() / 1000)).token({ iss: provider.issuer, aud: webClient.id, iat: Math.floor(Date.now() / 1000), jti: '1', events: {}, sid: 'x' })), 'key_unknown')
    assert.equal((await asked.session(bus, { scope, names: sessionNames, startedAtMs: Date.now() })).ended, false)
  })
})
