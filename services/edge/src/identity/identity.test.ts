import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import type { Limiter, LimiterRules, TokenRules, Verdict } from '@sluice/policies/policy'
import { createFakeClock, type FakeClock, waitUntil } from '@sluice/testkit'
import { createVerifier } from '@sluice/verifier'
import { nameOfSubject, nameOfToken } from '@sluice/proto/token-names'
import { type ScriptedAuth, scriptedAuth } from '../../test/scripted-auth.ts'
import { createIdentity } from './identity.ts'

const uri = 'https://id.example/jwks'
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const rules: TokenRules = {
  issuer: 'https://id.example', audiences: ['api'], algorithms: ['EdDSA'], jwksUri: uri, jwks: undefined, keys: undefined,
  leewaySeconds: 0, requiredClaims: [], consumerClaim: 'sub', insecure: false,
}
const startMs = Date.UTC(2027, 0, 1)
const keyLimits = { cacheSeconds: 300, staleSeconds: 3600 }
const key = 'sk_k1_secret'

function mint(claims: object = {}, kid = 'a'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'EdDSA', kid })}.${part({ iss: 'https://id.example', aud: 'api', sub: 'user-7', exp: startMs / 1000 + 3600, ...claims })}`
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
}

/** Counts by itself, as one worker of an edge does. */
function countingOf(clock: FakeClock): (rules: LimiterRules) => Limiter {
  return ({ burst, limit, windowSeconds }) => {
    const buckets = new Map<string, { tokens: number; at: number }>()
    const refillMs = (windowSeconds * 1000) / limit
    return {
      take(key) {
        const now = clock.monotonic()
        const before = buckets.get(key) ?? { tokens: burst, at: now }
        const tokens = Math.min(burst, before.tokens + (now - before.at) / refillMs)
        const admitted = tokens >= 1
        buckets.set(key, { tokens: admitted ? tokens - 1 : tokens, at: now })
        return { admitted, remaining: 0, resetMs: 0, retryAfterMs: admitted ? 0 : (1 - tokens) * refillMs, waitMs: 0, decidedBy: 'counters' }
      },
      giveBack: () => {},
      settle: () => {},
    }
  }
}

async function identityOf(t: TestContext, prepare: (auth: ScriptedAuth) => void = () => {}, before?: string) {
  const auth = await scriptedAuth(t)
  auth.keySets.set(uri, [{ ...publicKey.export({ format: 'jwk' }), kid: 'a' }])
  auth.keys.set(key, { consumer: 'acme', groups: ['gold'] })
  prepare(auth)
  const directory = before ?? await mkdtemp(join(tmpdir(), 'sluice-identity-'))
  const verifier = createVerifier()
  const clock = createFakeClock(startMs)
  const logger = { warn: () => {}, info: () => {} }
  const attempts = { failed: 0, throttled: 0 }
  const identity = createIdentity({ bus: auth.bus, scope: 'default', verifier, clock, logger, keySetDirectory: join(directory, 'keysets'), revokedTokenFile: join(directory, 'revoked-tokens.json'), timeoutMs: 500, limiter: countingOf(clock), onAttempt: (_, outcome) => void attempts[outcome]++ })
  await identity.start()
  t.after(async () => {
    await identity.stop()
    await verifier.close()
    await rm(directory, { recursive: true, force: true })
  })
  const { part } = identity
  return { auth, clock, directory, identity, part, attempts, checkToken: part.tokens(rules), checkKey: part.keys(keyLimits) }
}

const whoIs = (verdict: Verdict) => (verdict.outcome === 'valid' ? [verdict.identity.consumer, verdict.identity.groups] : verdict)

suite('tokens', () => {
  test('are the consumer that has their subject, with its groups and the token\'s scopes', async (t) => {
    const { auth, checkToken } = await identityOf(t)
    auth.subjects.set('user-7', { consumer: 'acme', groups: ['gold'] })
    const verdict = await checkToken.check(mint({ scope: 'orders:read orders:write' }))
    assert.ok(verdict.outcome === 'valid')
    const { claims, ...identity } = verdict.identity
    assert.deepEqual(identity, { consumer: 'acme', groups: ['gold'], credential: 'sub-user-7', method: 'jwt', scopes: ['orders:read', 'orders:write'], resolved: true })
    assert.equal(claims?.sub, 'user-7')
  })

  test('seen before are answered at once by the same identity, and auth is asked once for their subject', async (t) => {
    const { auth, checkToken } = await identityOf(t)
    const first = await checkToken.check(mint())
    assert.equal(checkToken.check(mint()), first)
    await checkToken.check(mint({ jti: 'another token of the subject' }))
    assert.equal(auth.count('subject'), 1)
  })

  test('whose subject nobody has are admitted under it, without groups', async (t) => {
    const { checkToken } = await identityOf(t)
    assert.deepEqual(whoIs(await checkToken.check(mint())), ['user-7', []])
  })

  test('while auth is away are admitted, and say that their groups are not known', async (t) => {
    const { auth, identity, checkToken } = await identityOf(t)
    await identity.warm([{ uri, insecure: false }])
    auth.leave()
    const verdict = await checkToken.check(mint())
    assert.ok(verdict.outcome === 'valid')
    assert.deepEqual([verdict.identity.consumer, verdict.identity.groups, verdict.identity.resolved], ['user-7', [], false])
  })

  test('get their groups once auth is back', async (t) => {
    const { auth, clock, identity, checkToken } = await identityOf(t)
    auth.subjects.set('user-7', { consumer: 'acme', groups: ['gold'] })
    await identity.warm([{ uri, insecure: false }])
    auth.leave()
    await checkToken.check(mint())
    auth.come()
    clock.advance(1000)
    await waitUntil(async () => {
      const verdict = await checkToken.check(mint())
      return verdict.outcome === 'valid' && verdict.identity.resolved && verdict.identity.consumer === 'acme'
    })
  })

  test('follow their consumer when it changes', async (t) => {
    const { auth, checkToken } = await identityOf(t)
    await checkToken.check(mint())
    auth.subjects.set('user-7', { consumer: 'acme', groups: ['gold'] })
    auth.change({ consumer: 'acme', subjects: ['user-7'] })
    await waitUntil(async () => (await checkToken.check(mint())).outcome === 'valid' && auth.count('subject') === 2)
    assert.deepEqual(whoIs(await checkToken.check(mint())), ['acme', ['gold']])
    auth.subjects.set('user-7', { consumer: 'acme', groups: [] })
    auth.change({ consumer: 'acme' })
    await waitUntil(async () => JSON.stringify(whoIs(await checkToken.check(mint()))) === '["acme",[]]')
  })

  test('name their consumer by the claim that the rules say', async (t) => {
    const { part } = await identityOf(t)
    const byClient = part.tokens({ ...rules, consumerClaim: 'client_id' })
    assert.deepEqual(whoIs(await byClient.check(mint({ client_id: 'shop' }))), ['shop', []])
    assert.deepEqual(whoIs(await byClient.check(mint({ client_id: 42 }))), ['42', []])
    for (const client of [undefined, '', {}, ['shop'], 'x'.repeat(257)])
      assert.deepEqual(await byClient.check(mint({ client_id: client })), { outcome: 'invalid', reason: 'subject_missing' })
    assert.deepEqual(await part.tokens({ ...rules, consumerClaim: 'constructor' }).check(mint()), { outcome: 'invalid', reason: 'subject_missing' })
  })

  test('may carry scopes as others write them', async (t) => {
    const { checkToken } = await identityOf(t)
    const scopes = async (claims: object) => {
      const verdict = await checkToken.check(mint(claims))
      return verdict.outcome === 'valid' ? verdict.identity.scopes : verdict
    }
    assert.deepEqual(await scopes({ scp: ['a', 'b', 7] }), ['a', 'b'])
    assert.deepEqual(await scopes({ scp: 'a b' }), ['a', 'b'])
    assert.deepEqual(await scopes({ scope: '' }), [])
    assert.deepEqual(await scopes({ scope: { a: 1 } }), [])
  })

  test('without a key set anywhere are unavailable', async (t) => {
    const { checkToken } = await identityOf(t, (auth) => auth.keySets.clear())
    assert.deepEqual(await checkToken.check(mint()), { outcome: 'unavailable', code: 'dependency.key_set_unavailable' })
  })

  test('signed by a key that the issuer published a moment ago are let in', async (t) => {
    const { auth, checkToken } = await identityOf(t, (given) => given.keySets.set(uri, []))
    await checkToken.check('x.y.z')
    assert.equal((await checkToken.check(mint({ jti: '1' }))).outcome, 'invalid')
    auth.keySets.set(uri, [{ ...publicKey.export({ format: 'jwk' }), kid: 'a' }])
    auth.tellKeySet(uri)
    await waitUntil(async () => (await checkToken.check(mint({ jti: '1' }))).outcome === 'valid')
  })

  test('are checked by keys of the configuration without asking anybody for keys', async (t) => {
    const { auth, part } = await identityOf(t)
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
    const checker = part.tokens({ ...rules, jwksUri: undefined, keys: [{ pem }] })
    assert.equal((await checker.check(mint())).outcome, 'valid')
    assert.equal(auth.count('keyset'), 0)
  })

  test('under equal rules share one checker, whichever snapshot compiled them', async (t) => {
    const { part } = await identityOf(t)
    assert.equal(part.tokens({ ...rules }), part.tokens({ ...rules }))
    assert.notEqual(part.tokens(rules), part.tokens({ ...rules, audiences: ['other'] }))
  })

  test('cannot be checked by rules without usable keys, which is said when they are compiled', async (t) => {
    const { part } = await identityOf(t)
    const none = { ...rules, jwksUri: undefined }
    assert.throws(() => part.tokens(none), { code: 'config.invalid' })
    assert.throws(() => part.tokens({ ...none, keys: [{ pem: 'nonsense' }] }), { code: 'config.invalid' })
    assert.throws(() => part.tokens({ ...none, jwks: '{}' }), { code: 'config.invalid' })
  })
})

suite('API keys', () => {
  test('are the consumer that auth says, at once the second time', async (t) => {
    const { auth, checkKey } = await identityOf(t)
    const verdict = await checkKey.check(key)
    assert.ok(verdict.outcome === 'valid')
    assert.deepEqual(verdict.identity, { consumer: 'acme', groups: ['gold'], credential: 'k1', method: 'key-auth', claims: undefined, scopes: [], resolved: true })
    assert.equal(checkKey.check(key), verdict)
    assert.equal(auth.count('key k1'), 1)
  })

  test('that are none are refused without asking anybody', async (t) => {
    const { auth, checkKey } = await identityOf(t)
    for (const wrong of ['', 'k1_secret', 'sk_k1', 'sk_k1_', 'sk__secret', 'sk_K1_secret', `sk_${'a'.repeat(65)}_x`, `sk_k1_${'x'.repeat(257)}`, 'sk_k1_a b', 'sk_k1_é'])
      assert.deepEqual(checkKey.check(wrong), { outcome: 'invalid', reason: 'key_malformed' })
    assert.equal(auth.count('key '), 0)
  })

  test('with a wrong secret are refused, and one that was right stays so', async (t) => {
    const { checkKey } = await identityOf(t)
    await checkKey.check(key)
    assert.deepEqual(await checkKey.check('sk_k1_wrong'), { outcome: 'invalid', reason: 'wrong_secret' })
    assert.equal((await checkKey.check(key)).outcome, 'valid')
  })

  test('that are revoked are refused as soon as the change is heard', async (t) => {
    const { auth, identity, checkKey } = await identityOf(t)
    assert.equal((await checkKey.check(key)).outcome, 'valid')
    auth.keys.delete(key)
    const heard = Promise.withResolvers<number>()
    identity.onCredentialVersion(heard.resolve)
    const version = auth.change({ consumer: 'acme', credentialId: 'k1' })
    assert.equal(await heard.promise, version)
    assert.equal(identity.credentialVersion(), version)
    assert.deepEqual(await checkKey.check(key), { outcome: 'invalid', reason: 'wrong_secret' })
  })

  test('that are revoked while their check is on its way are refused', async (t) => {
    const { auth, checkKey } = await identityOf(t)
    auth.betweenReadAndAnswer = () => {
      auth.betweenReadAndAnswer = undefined
      auth.keys.delete(key)
      auth.change({ consumer: 'acme', credentialId: 'k1' })
    }
    const released = Promise.withResolvers<void>()
    auth.hold = released.promise
    const verdict = checkKey.check(key)
    await waitUntil(() => auth.version === 1)
    await new Promise((resolve) => setImmediate(resolve))
    released.resolve()
    assert.deepEqual(await verdict, { outcome: 'invalid', reason: 'wrong_secret' })
    assert.deepEqual(await checkKey.check(key), { outcome: 'invalid', reason: 'wrong_secret' })
  })

  test('that were revoked while the edge could not hear are refused once it can', async (t) => {
    const { auth, identity, checkKey } = await identityOf(t)
    await checkKey.check(key)
    auth.leave()
    auth.keys.delete(key)
    auth.change({ consumer: 'acme', credentialId: 'k1' }, { isLost: true })
    assert.equal((await checkKey.check(key)).outcome, 'valid')
    auth.come()
    await waitUntil(() => identity.credentialVersion() === 1)
    assert.equal((await checkKey.check(key)).outcome, 'invalid')
  })

  test('are used on for an hour while auth is away, and one never seen is unavailable', async (t) => {
    const { auth, clock, checkKey } = await identityOf(t)
    await checkKey.check(key)
    auth.leave()
    clock.advance(3_599_999)
    assert.deepEqual(whoIs(await checkKey.check(key)), ['acme', ['gold']])
    assert.deepEqual(await checkKey.check('sk_k2_secret'), { outcome: 'unavailable', code: 'dependency.auth_unreachable' })
    clock.advance(1)
    assert.deepEqual(await checkKey.check(key), { outcome: 'unavailable', code: 'dependency.auth_unreachable' })
  })

  test('end at the instant they expire, also while they are remembered', async (t) => {
    const { auth, clock, checkKey } = await identityOf(t)
    auth.keys.set(key, { consumer: 'acme', expiresAtMs: startMs + 10_000 })
    assert.equal((await checkKey.check(key)).outcome, 'valid')
    clock.advance(9_999)
    assert.equal((await checkKey.check(key)).outcome, 'valid')
    clock.advance(1)
    assert.deepEqual(checkKey.check(key), { outcome: 'invalid', reason: 'expired' })
  })

  test('are asked about each time under rules that remember nothing', async (t) => {
    const { auth, part } = await identityOf(t)
    const checker = part.keys({ cacheSeconds: 0, staleSeconds: 0 })
    for (let turn = 0; turn < 3; turn++) assert.equal((await checker.check(key)).outcome, 'valid')
    assert.equal(auth.count('key k1'), 3)
  })
})

suite('passwords', () => {
  const user = 'acme:se:same'
  const prepare = (auth: ScriptedAuth) => void auth.passwords.set(user, { consumer: 'acme', groups: ['gold'] })

  test('are asked about once, then answered at once by the same identity', async (t) => {
    const { auth, part } = await identityOf(t, prepare)
    const passwords = part.passwords(keyLimits)
    const verdict = await passwords.check('acme', 'se:same')
    assert.ok(verdict.outcome === 'valid')
    assert.deepEqual([verdict.identity.consumer, verdict.identity.groups, verdict.identity.credential, verdict.identity.method], ['acme', ['gold'], 'usr-acme', 'basic-auth'])
    assert.equal(passwords.check('acme', 'se:same'), verdict)
    assert.equal(auth.count('password'), 1)
  })

  test('that are wrong are refused, and one that was right stays so', async (t) => {
    const { part } = await identityOf(t, prepare)
    const passwords = part.passwords(keyLimits)
    await passwords.check('acme', 'se:same')
    assert.deepEqual(await passwords.check('acme', 'same'), { outcome: 'invalid', reason: 'wrong_secret' })
    assert.equal((await passwords.check('acme', 'se:same')).outcome, 'valid')
  })

  test('are forgotten when their consumer changes', async (t) => {
    const { auth, part } = await identityOf(t, prepare)
    const passwords = part.passwords(keyLimits)
    await passwords.check('acme', 'se:same')
    auth.passwords.clear()
    auth.change({ consumer: 'acme' })
    await waitUntil(async () => (await passwords.check('acme', 'se:same')).outcome === 'invalid')
  })
})

suite('guessing', () => {
  const from = '192.0.2.7'
  const other = '192.0.2.8'

  test('wrong keys of an address are soon not looked at, the right ones of others are, and of the address those that are known', async (t) => {
    const { auth, attempts, checkKey } = await identityOf(t)
    auth.keys.set('sk_k2_secret', { consumer: 'acme' })
    assert.equal((await checkKey.check(key, from)).outcome, 'valid')
    const outcomes: string[] = []
    for (let index = 0; index < 150; index++) outcomes.push((await checkKey.check(`sk_guess${index}_x`, from)).outcome)
    assert.deepEqual([outcomes.filter((one) => one === 'invalid').length, outcomes.at(-1)], [101, 'throttled'])
    assert.equal(auth.count('key guess'), 101)
    assert.deepEqual(attempts, { failed: 101, throttled: 49 })
    assert.equal((await checkKey.check(key, from)).outcome, 'valid')
    assert.equal((await checkKey.check('sk_k2_secret', other)).outcome, 'valid')
  })

  test('who has waited is looked at again', async (t) => {
    const { auth, clock, checkKey } = await identityOf(t)
    auth.keys.set('sk_k2_secret', { consumer: 'acme' })
    for (let index = 0; index < 101; index++) await checkKey.check(`sk_guess${index}_x`, from)
    assert.deepEqual(await checkKey.check('sk_k2_secret', from), { outcome: 'throttled', retryAfterSeconds: 1 })
    clock.advance(1000)
    assert.equal((await checkKey.check('sk_k2_secret', from)).outcome, 'valid')
  })

  test('wrong secrets of one key id close it to those who guess, not to its owner', async (t) => {
    const { checkKey } = await identityOf(t)
    for (let index = 0; index < 21; index++) await checkKey.check(`sk_k1_wrong${index}`, `198.51.100.${index}`)
    assert.equal((await checkKey.check('sk_k1_another', '198.51.100.3')).outcome, 'throttled')
    assert.equal((await checkKey.check(key, other)).outcome, 'valid')
  })

  test('wrong passwords of one user name close it to all who are not known yet', async (t) => {
    const { auth, part } = await identityOf(t, (given) => void given.passwords.set('acme:right', { consumer: 'acme' }))
    const passwords = part.passwords(keyLimits)
    assert.equal((await passwords.check('acme', 'right', from)).outcome, 'valid')
    for (let index = 0; index < 21; index++) await passwords.check('acme', `wrong${index}`, `198.51.100.${index}`)
    assert.equal((await passwords.check('acme', 'right, too', other)).outcome, 'throttled')
    assert.equal((await passwords.check('acme', 'right', other)).outcome, 'valid')
    assert.equal(auth.count('password'), 22)
  })

  test('forged tokens of an address are soon not looked at; those that have expired are no guesses', async (t) => {
    const { checkToken, attempts } = await identityOf(t)
    const good = mint({ jti: 'known' })
    assert.equal((await checkToken.check(good, from)).outcome, 'valid')
    for (let index = 0; index < 200; index++) assert.equal((await checkToken.check(mint({ jti: `${index}`, exp: startMs / 1000 - 60 }), from)).outcome, 'invalid')
    const forge = (index: number) => `${mint({ jti: `forged${index}` }).slice(0, -8)}AAAAAAAA`
    for (let index = 0; index < 101; index++) await checkToken.check(forge(index), from)
    assert.equal((await checkToken.check(forge(999), from)).outcome, 'throttled')
    assert.equal((await checkToken.check(good, from)).outcome, 'valid')
    assert.equal((await checkToken.check(mint({ jti: 'new' }), other)).outcome, 'valid')
    assert.equal(attempts.failed, 101)
  })

  test('where it is switched off, nobody waits', async (t) => {
    const { checkKey } = await identityOf(t)
    for (let index = 0; index < 150; index++) assert.equal((await checkKey.check(`sk_guess${index}_x`)).outcome, 'invalid')
  })
})

suite('signatures', () => {
  const pem = publicKey.export({ format: 'pem', type: 'spki' }) as string
  const signed = (base: string) => ({ keyId: 'acme-1', base, signature: sign(null, Buffer.from(base), privateKey).toString('base64url') })
  const signing = { keys: [{ keyId: 'acme-1', algorithm: 'Ed25519', pem, secret: undefined, subject: 'user-7' }] }

  test('are the consumer that has the subject of their key', async (t) => {
    const { auth, part } = await identityOf(t, (given) => void given.subjects.set('user-7', { consumer: 'acme', groups: ['gold'] }))
    const verdict = await part.signatures(signing).check(signed('a base'))
    assert.deepEqual(whoIs(verdict), ['acme', ['gold']])
    assert.ok(verdict.outcome === 'valid' && verdict.identity.method === 'http-signature' && verdict.identity.claims?.keyid === 'acme-1')
    assert.equal(auth.count('subject'), 1)
  })

  test('that do not fit, or name a key that is not there, are refused', async (t) => {
    const { part } = await identityOf(t)
    const signatures = part.signatures(signing)
    assert.deepEqual(await signatures.check({ ...signed('a base'), base: 'another base' }), { outcome: 'invalid', reason: 'bad_signature' })
    assert.deepEqual(await signatures.check({ ...signed('a base'), keyId: 'nobody' }), { outcome: 'invalid', reason: 'key_unknown' })
  })

  test('of an address that forges are soon not looked at, but for who signed well from there', async (t) => {
    const { part } = await identityOf(t)
    const signatures = part.signatures({ keys: [...signing.keys, { ...signing.keys[0]!, keyId: 'acme-2' }] })
    assert.equal((await signatures.check(signed('first'), '192.0.2.7')).outcome, 'valid')
    for (let index = 0; index < 101; index++) await signatures.check({ ...signed('x'), keyId: 'acme-2', base: `forged ${index}` }, '192.0.2.7')
    assert.equal((await signatures.check({ ...signed('second'), keyId: 'acme-2' }, '192.0.2.7')).outcome, 'throttled')
    assert.equal((await signatures.check(signed('third'), '192.0.2.7')).outcome, 'valid')
    assert.equal((await signatures.check({ ...signed('fourth'), keyId: 'acme-2' }, '192.0.2.8')).outcome, 'valid')
  })

  test('under keys that cannot be used are a problem at once', async (t) => {
    const { part } = await identityOf(t)
    assert.throws(() => part.signatures({ keys: [{ ...signing.keys[0]!, pem: 'x' }] }), { code: 'config.invalid' })
  })
})

test('an edge is blind once it has heard nothing of revocations for 30 seconds, and sees again when it does', async (t) => {
  const { auth, clock, identity, part } = await identityOf(t)
  await waitUntil(() => identity.blindSince() === undefined)
  auth.leave()
  clock.advance(29_999)
  assert.equal(part.isBlind(), false)
  clock.advance(1)
  assert.equal(part.isBlind(), true)
  auth.come()
  await waitUntil(() => !part.isBlind())
})

suite('revoked tokens', () => {
  const issuer = 'https://id.example'
  const untilMs = startMs + 3_600_000
  const one = { name: nameOfToken(issuer, 'one'), beforeMs: untilMs, untilMs }
  const lifted = { ...one, beforeMs: 0, untilMs: 0 }
  const refused: Verdict = { outcome: 'invalid', reason: 'revoked' }
  const withJti = (jti: string) => mint({ jti })

  test('are refused at once though they are remembered, and good again when that is lifted', async (t) => {
    const { auth, identity, checkToken } = await identityOf(t)
    for (const jti of ['one', 'other']) assert.equal((await checkToken.check(withJti(jti))).outcome, 'valid')
    const version = auth.revoke(one)
    await waitUntil(() => identity.credentialVersion() === version)
    assert.deepEqual(checkToken.check(withJti('one')), refused)
    assert.equal((await checkToken.check(withJti('other'))).outcome, 'valid')
    auth.revoke(lifted)
    await waitUntil(() => identity.credentialVersion() === version + 1)
    assert.equal((await checkToken.check(withJti('one'))).outcome, 'valid')
  })

  test('of a subject are those that were issued before', async (t) => {
    const { auth, identity, checkToken } = await identityOf(t)
    const issued = (secondsAgo: number) => mint({ iat: startMs / 1000 - secondsAgo })
    auth.revoke({ name: nameOfSubject(issuer, 'user-7'), beforeMs: startMs - 10_001, untilMs })
    await waitUntil(() => identity.credentialVersion() === 1)
    assert.deepEqual([await checkToken.check(issued(11)), (await checkToken.check(issued(10))).outcome], [refused, 'valid'])
  })

  test('that were announced unheard are found out by the gap, and by the list when the log does not reach back', async (t) => {
    const { auth, identity, checkToken } = await identityOf(t)
    await waitUntil(() => identity.blindSince() === undefined)
    auth.revoke(one, { isLost: true })
    auth.change({ consumer: 'another' })
    await waitUntil(() => identity.credentialVersion() === 2)
    assert.deepEqual(await checkToken.check(withJti('one')), refused)
    auth.leave()
    auth.revoke(lifted, { isLost: true })
    auth.revoke({ ...one, name: nameOfToken(issuer, 'two') }, { isLost: true })
    auth.firstKept = 100
    auth.come()
    await waitUntil(() => identity.credentialVersion() === 4)
    assert.deepEqual([(await checkToken.check(withJti('one'))).outcome, await checkToken.check(withJti('two'))], ['valid', refused])
  })

  test('are still refused after a restart while auth is away, and lifted ones are not once it is there', async (t) => {
    const { auth, directory, identity } = await identityOf(t)
    auth.revoke(one)
    await waitUntil(() => identity.credentialVersion() === 1)
    await identity.stop()
    const next = await identityOf(t, (other) => other.leave(), directory)
    const rulesWithKeys: TokenRules = { ...rules, jwksUri: undefined, jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a' }] }) }
    const checker = next.part.tokens(rulesWithKeys)
    assert.deepEqual(await checker.check(withJti('one')), refused)
    next.auth.come()
    await waitUntil(() => next.identity.blindSince() === undefined)
    assert.equal((await checker.check(withJti('one'))).outcome, 'valid')
  })

  test('that are opaque are refused, too, by their issuer or by where it is asked', async (t) => {
    const { auth, identity, part } = await identityOf(t)
    const introspectionUrl = 'https://id.example/introspect'
    const checker = part.introspection({ introspectionUrl, issuer: undefined, clientId: 'gateway', clientSecret: 'x', secretInBody: false, insecure: false, timeoutMs: 500, cacheSeconds: 60, staleSeconds: 0, audiences: [], requiredClaims: [], consumerClaim: undefined })
    auth.opaque.set('says', { claims: { sub: 'alice', iss: issuer, jti: 'one' } })
    auth.opaque.set('says-not', { claims: { sub: 'alice', jti: 'one' } })
    for (const token of ['says', 'says-not']) assert.equal((await checker.check(token)).outcome, 'valid')
    auth.revoke(one)
    await waitUntil(() => identity.credentialVersion() === 1)
    assert.deepEqual([await checker.check('says'), (await checker.check('says-not')).outcome], [refused, 'valid'])
    auth.revoke({ ...one, name: nameOfToken(introspectionUrl, 'one') })
    await waitUntil(() => identity.credentialVersion() === 2)
    assert.deepEqual(await checker.check('says-not'), refused)
  })
})
