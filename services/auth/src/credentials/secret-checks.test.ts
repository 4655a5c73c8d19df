import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { SecretChecks } from './secret-checks.ts'

/** A store of keys by id, and a verifier to which a hash is the secret in brackets. */
function checksOf(keys: Record<string, { secret: string; expiresAtMs?: number }>) {
  const clock = createFakeClock()
  const counted = { verified: [] as string[], reads: [] as string[], hold: undefined as Promise<void> | undefined }
  const consumer = { name: 'acme', groups: [], labels: {}, owner: '', credentials: [] }
  const store = { version: () => Promise.resolve(counted.reads.push('version')) }
  const find = (id: string) => {
    counted.reads.push('key')
    const key = keys[id]
    return Promise.resolve(key && { consumer, credentialId: id, hash: `[${key.secret}]`, expiresAtMs: key.expiresAtMs ?? 0 })
  }
  const verifier = {
    hashPassword: (password: string) => Promise.resolve(`[${password}]`),
    async verifyPassword(hash: string, password: string) {
      counted.verified.push(password)
      await counted.hold
      return hash === `[${password}]`
    },
  }
  const checks = new SecretChecks({ store, scope: 'default', find, verifier, clock })
  const outcome = async (id: string, secret: string) => (await checks.check(id, secret)).outcome
  return { checks, clock, keys, counted, outcome }
}

const codes = (results: PromiseSettledResult<unknown>[]) => results.map((result) => (result.status === 'rejected' ? (result.reason as { code: string }).code : 'answered'))

suite('checks of API keys', () => {
  test('a key seen before costs no hash, but the store is asked: a revocation counts at once', async () => {
    const { keys, counted, outcome } = checksOf({ k1: { secret: 's' } })
    assert.equal(await outcome('k1', 's'), 'valid')
    assert.equal(await outcome('k1', 's'), 'valid')
    assert.equal(counted.verified.length, 1)
    delete keys.k1
    assert.equal(await outcome('k1', 's'), 'invalid')
  })

  test('a key whose hash was replaced is checked again', async () => {
    const { keys, outcome } = checksOf({ k1: { secret: 's' } })
    assert.equal(await outcome('k1', 's'), 'valid')
    keys.k1 = { secret: 'other' }
    assert.equal(await outcome('k1', 's'), 'invalid')
  })

  test('the version is read before the key, so that no answer claims to be newer than it is', async () => {
    const { counted, outcome } = checksOf({ k1: { secret: 's' } })
    await outcome('k1', 's')
    assert.deepEqual(counted.reads, ['version', 'key'])
  })

  test('what is right is remembered for five minutes, what is wrong for five seconds', async () => {
    const { clock, counted, outcome } = checksOf({ k1: { secret: 's' } })
    const costs = async (secret: string) => {
      const before = counted.verified.length
      await outcome('k1', secret)
      return counted.verified.length - before
    }
    assert.deepEqual([await costs('s'), await costs('wrong'), await costs('wrong')], [1, 1, 0])
    clock.advance(5_001)
    assert.deepEqual([await costs('s'), await costs('wrong')], [0, 1])
    clock.advance(295_000)
    assert.equal(await costs('s'), 1)
  })

  test('an expired key is no good, however right', async () => {
    const { clock, keys, outcome } = checksOf({})
    keys.k1 = { secret: 's', expiresAtMs: clock.now() + 1000 }
    assert.equal(await outcome('k1', 's'), 'valid')
    clock.advance(1000)
    assert.equal(await outcome('k1', 's'), 'invalid')
  })

  test('an unknown id costs a hash as a known one does, also when its secret was tried on another id', async () => {
    const { counted, outcome } = checksOf({ k1: { secret: 's' } })
    for (const id of ['nobody', 'k1', 'nobody-else']) assert.equal(await outcome(id, 'guess'), 'invalid')
    assert.deepEqual(counted.verified, ['guess', 'guess', 'guess'])
  })

  test('the same key many times at once costs one hash', async () => {
    const { counted, outcome } = checksOf({ k1: { secret: 's' } })
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome('k1', 's')))
    assert.ok(outcomes.every((one) => one === 'valid'))
    assert.equal(counted.verified.length, 1)
  })

  test('secrets tried on one id at once beyond four are turned away, the other ids are not', async () => {
    const { counted, outcome } = checksOf({ k1: { secret: 's' }, k2: { secret: 's' } })
    const released = Promise.withResolvers<void>()
    counted.hold = released.promise
    const guesses = Promise.allSettled(Array.from({ length: 6 }, (_, index) => outcome('k1', `guess${index}`)))
    const other = outcome('k2', 's')
    released.resolve()
    assert.deepEqual(codes(await guesses), [...Array(4).fill('answered'), ...Array(2).fill('dependency.verifier_overloaded')])
    assert.equal(await other, 'valid')
    assert.equal(await outcome('k1', 's'), 'valid')
  })

  test('a flood of made-up ids leaves room for those that exist', async () => {
    const { counted, outcome } = checksOf({ k1: { secret: 's' } })
    const released = Promise.withResolvers<void>()
    counted.hold = released.promise
    const flood = Promise.allSettled(Array.from({ length: 50 }, (_, index) => outcome(`id${index}`, 'x')))
    const known = outcome('k1', 's')
    released.resolve()
    assert.equal(codes(await flood).filter((code) => code === 'answered').length, 16)
    assert.equal(await known, 'valid')
    assert.equal(await outcome('id-later', 'x'), 'invalid')
  })
})
