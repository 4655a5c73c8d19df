import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { createFakeClock } from '@sluice/testkit'
import { createTokenChecker, fixedKeys, type KeySet, type KeySource, parseKeySet, type SignatureJob, TokenMemory, type TokenRules } from './index.ts'
import { importKey, isSignature } from './signature.ts'
import { issuerKeys, jwk, mint, nowSeconds, otherRsa, plainClaims, plainRules, rsa } from '../test/minted-tokens.ts'

/** Checks on the spot, and counts: what is tested here is when a signature is looked at, not how. */
function countingVerifier() {
  const counted = {
    checks: 0,
    verifySignature(job: SignatureJob): Promise<boolean> {
      counted.checks++
      return Promise.resolve(isSignature(job.algorithm, importKey(job.key), Buffer.from(job.signingInput), Buffer.from(job.signature, 'base64url')))
    },
  }
  return counted
}

const otherKeys = parseKeySet(JSON.stringify({ keys: [jwk(otherRsa.publicKey, { kid: 'r2' })] }), { algorithms: ['RS256'], origin: 'fetched' })

function issuerSource(first: KeySet | undefined = issuerKeys()): KeySource & { set: KeySet | undefined; asked: string[]; answer(): Promise<KeySet> } {
  return {
    set: first,
    asked: [],
    answer: () => Promise.reject(new SluiceError('dependency.key_set_unavailable')),
    current() {
      return this.set
    },
    load() {
      this.asked.push('load')
      return this.answer()
    },
    refresh(kid) {
      this.asked.push(kid)
      return this.answer()
    },
  }
}

function checkerFor(parts: { rules?: Partial<TokenRules>; keys?: KeySource; memory?: TokenMemory } = {}) {
  const clock = createFakeClock(nowSeconds * 1000)
  const verifier = countingVerifier()
  const rules = { ...plainRules, ...parts.rules }
  const checker = createTokenChecker({ rules, keys: parts.keys ?? fixedKeys(issuerKeys()), verifier, clock, ...(parts.memory && { memory: parts.memory }) })
  return { checker, verifier, clock }
}

suite('tokens seen before', () => {
  test('are answered at once, by the same object, without another signature check', async () => {
    const { checker, verifier } = checkerFor()
    const token = mint()
    const first = await checker.check(token)
    assert.deepEqual(first, { outcome: 'valid', claims: plainClaims, expiresAtMs: plainClaims.exp * 1000 })
    assert.equal(checker.check(token), first)
    assert.equal(verifier.checks, 1)
  })

  test('are refused from the instant they expire, leeway included', async () => {
    const { checker, clock } = checkerFor({ rules: { leewaySeconds: 5 } })
    const token = mint({ ...plainClaims, exp: nowSeconds + 10 })
    await checker.check(token)
    clock.advance(14_999)
    assert.ok(!(checker.check(token) instanceof Promise))
    clock.advance(1)
    assert.deepEqual(checker.check(token), { outcome: 'invalid', reason: 'expired' })
  })

  test('are verified again after five minutes', async () => {
    const { checker, verifier, clock } = checkerFor()
    const token = mint()
    await checker.check(token)
    clock.advance(299_999)
    await checker.check(token)
    assert.equal(verifier.checks, 1)
    clock.advance(1)
    await checker.check(token)
    assert.equal(verifier.checks, 2)
  })

  test('are refused once the key that verified them has left the set, and kept when another one left', async () => {
    const keys = issuerSource()
    const { checker, verifier } = checkerFor({ keys })
    const token = mint()
    await checker.check(token)
    keys.set = issuerKeys()
    assert.ok(!(checker.check(token) instanceof Promise))
    keys.set = otherKeys
    keys.answer = () => Promise.resolve(otherKeys)
    assert.deepEqual(await checker.check(token), { outcome: 'invalid', reason: 'key_unknown' })
    assert.equal(verifier.checks, 1)
  })

  test('are refused from the instant they expire, and forgotten once their key has left, though their text is held', async () => {
    const keys = issuerSource()
    const { checker, clock } = checkerFor({ keys })
    const [token, lasting] = [mint({ ...plainClaims, exp: nowSeconds + 10 }), mint()]
    for (let time = 0; time < 3; time++) for (const one of [token, lasting]) assert.equal((await checker.check(one)).outcome, 'valid')
    clock.advance(10_000)
    for (let time = 0; time < 2; time++) assert.deepEqual(checker.check(token), { outcome: 'invalid', reason: 'expired' })
    assert.equal((await checker.check(lasting)).outcome, 'valid')
    keys.set = otherKeys
    keys.answer = () => Promise.resolve(otherKeys)
    for (let time = 0; time < 2; time++) assert.deepEqual(await checker.check(lasting), { outcome: 'invalid', reason: 'key_unknown' })
  })

  test('are told from one that differs in a single character', async () => {
    const { checker } = checkerFor()
    const token = mint()
    for (let time = 0; time < 3; time++) await checker.check(token)
    for (const at of [5, 60, token.length - 40]) {
      const other = token[at] === 'A' ? 'B' : 'A'
      assert.notEqual((await checker.check(token.slice(0, at) + other + token.slice(at + 1))).outcome, 'valid')
    }
  })

  test('mean nothing to other rules, though the memory is shared', async () => {
    const memory = new TokenMemory()
    const token = mint()
    assert.equal((await checkerFor({ memory }).checker.check(token)).outcome, 'valid')
    assert.deepEqual(await checkerFor({ memory, rules: { audiences: ['billing'] } }).checker.check(token), { outcome: 'invalid', reason: 'wrong_audience' })
  })

  test('are forgotten when there are too many, never more than the bound are held', async () => {
    const memory = new TokenMemory({ verified: 10, refused: 10 })
    const { checker } = checkerFor({ memory })
    for (let index = 0; index < 50; index++) {
      await checker.check(mint({ ...plainClaims, sub: `s${index}` }))
      await checker.check(mint({ ...plainClaims, sub: `s${index}` }, { alg: 'RS256', kid: 'r1' }, otherRsa.privateKey))
    }
    assert.ok(memory.verified.size <= 10 && memory.refused.size <= 10)
    assert.equal(memory.pending.size, 0)
  })

  test('hand out claims that nobody can change', async () => {
    const { checker } = checkerFor()
    const verdict = await checker.check(mint())
    assert.ok(verdict.outcome === 'valid' && Object.isFrozen(verdict.claims))
  })
})

suite('tokens not seen before', () => {
  test('asked for a hundred times at once are checked once', async () => {
    const { checker, verifier } = checkerFor()
    const token = mint()
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => checker.check(token)))
    assert.ok(verdicts.every((verdict) => verdict.outcome === 'valid'))
    assert.equal(verifier.checks, 1)
  })

  test('with a bad signature are not checked again for two seconds', async () => {
    const { checker, verifier, clock } = checkerFor()
    const forged = mint(plainClaims, { alg: 'RS256', kid: 'r1' }, otherRsa.privateKey)
    await checker.check(forged)
    assert.deepEqual(checker.check(forged), { outcome: 'invalid', reason: 'bad_signature' })
    assert.equal(verifier.checks, 1)
    clock.advance(2000)
    await checker.check(forged)
    assert.equal(verifier.checks, 2)
  })

  test('that need no signature check to be refused cost none', () => {
    const { checker, verifier } = checkerFor()
    for (const token of ['nonsense', mint({ ...plainClaims, exp: 1 }), mint({ ...plainClaims, aud: 'x' })])
      assert.ok(!(checker.check(token) instanceof Promise))
    assert.equal(verifier.checks, 0)
  })

  test('beyond what may wait at once get 503, not 401', async () => {
    const { checker } = checkerFor({ memory: new TokenMemory({ pending: 1 }) })
    const first = checker.check(mint())
    assert.deepEqual(checker.check(mint({ ...plainClaims, sub: 'other' })), { outcome: 'unavailable', code: 'dependency.verifier_overloaded' })
    assert.equal((await first).outcome, 'valid')
  })

  test('that the verifier cannot check are unavailable, and tried again the next time', async () => {
    const { checker, verifier } = checkerFor()
    const working = verifier.verifySignature
    verifier.verifySignature = () => Promise.reject(new SluiceError('dependency.verifier_overloaded'))
    const token = mint()
    assert.deepEqual(await checker.check(token), { outcome: 'unavailable', code: 'dependency.verifier_overloaded' })
    verifier.verifySignature = () => Promise.reject(new TypeError('a bug'))
    assert.deepEqual(await checker.check(token), { outcome: 'unavailable', code: 'dependency.verifier_failed' })
    verifier.verifySignature = working
    assert.equal((await checker.check(token)).outcome, 'valid')
  })
})

suite('keys that come later', () => {
  test('without any key set the answer is unavailable, and the first set heals it', async () => {
    const keys = issuerSource(undefined)
    keys.set = undefined
    const { checker } = checkerFor({ keys })
    const token = mint()
    assert.deepEqual(await checker.check(token), { outcome: 'unavailable', code: 'dependency.key_set_unavailable' })
    keys.answer = () => Promise.resolve((keys.set = issuerKeys()))
    assert.equal((await checker.check(token)).outcome, 'valid')
  })

  test('a kid that the set does not have makes the source ask for a newer one', async () => {
    const keys = issuerSource(otherKeys)
    keys.answer = () => Promise.resolve((keys.set = issuerKeys()))
    const { checker } = checkerFor({ keys })
    assert.equal((await checker.check(mint())).outcome, 'valid')
    assert.deepEqual(keys.asked, ['r1'])
  })

  test('a refusal for want of a key ends with the set it was made by', async () => {
    const keys = issuerSource(otherKeys)
    keys.answer = () => Promise.resolve(otherKeys)
    const { checker } = checkerFor({ keys })
    const token = mint()
    assert.deepEqual(await checker.check(token), { outcome: 'invalid', reason: 'key_unknown' })
    assert.deepEqual(checker.check(token), { outcome: 'invalid', reason: 'key_unknown' })
    keys.set = issuerKeys()
    assert.equal((await checker.check(token)).outcome, 'valid')
  })

  test('a key that leaves the set while its token is being checked verifies nothing', async () => {
    const keys = issuerSource()
    const { checker, verifier } = checkerFor({ keys })
    const verify = verifier.verifySignature
    verifier.verifySignature = (job) => {
      keys.set = otherKeys
      return verify(job)
    }
    assert.deepEqual(await checker.check(mint()), { outcome: 'invalid', reason: 'key_unknown' })
  })

  test('two keys without kid are both tried', async () => {
    const both = parseKeySet(JSON.stringify({ keys: [jwk(otherRsa.publicKey, {}), jwk(rsa.publicKey, {})] }), { algorithms: ['RS256'], origin: 'fetched' })
    const { checker, verifier } = checkerFor({ keys: fixedKeys(both) })
    assert.equal((await checker.check(mint(plainClaims, { alg: 'RS256' }))).outcome, 'valid')
    assert.equal(verifier.checks, 2)
  })
})
