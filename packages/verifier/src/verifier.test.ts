import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { createVerifier, parseToken, passwordHashProblem, type SignatureJob, type VerifierOptions } from './index.ts'
import { issuerKeys, mint, otherRsa, plainClaims } from '../test/minted-tokens.ts'

const endingWorker = { signatures: new URL('../test/ending.worker.ts', import.meta.url) }
const keys = issuerKeys()

function verifierFor(t: TestContext, options: VerifierOptions = {}) {
  const verifier = createVerifier(options)
  t.after(() => verifier.close())
  return verifier
}

function job(text: string): SignatureJob {
  const { token } = parseToken(text)
  return { algorithm: 'RS256', key: keys.find('RS256', 'r1')[0]!, signingInput: token!.signingInput, signature: token!.signature }
}

const good = job(mint())
const forged = job(mint(plainClaims, { alg: 'RS256', kid: 'r1' }, otherRsa.privateKey))
const order = (word: string): SignatureJob => ({ ...good, signingInput: word })
const codeOf = (result: PromiseSettledResult<unknown>) => (result.status === 'rejected' ? (result.reason as { code: string }).code : result.value)

suite('signatures on threads', () => {
  test('many at once each get their own answer', async (t) => {
    const verifier = verifierFor(t, { threads: 2 })
    const jobs = Array.from({ length: 100 }, (_, index) => (index % 3 === 0 ? forged : good))
    const answers = await Promise.all(jobs.map((one) => verifier.verifySignature(one)))
    assert.deepEqual(answers, jobs.map((one) => one === good))
    assert.deepEqual(verifier.load(), { signatures: 0, passwords: 0 })
  })

  test('those that find the queue full are refused at once, the others are answered', async (t) => {
    const verifier = verifierFor(t, { queueLimit: 20 })
    const results = await Promise.allSettled(Array.from({ length: 25 }, () => verifier.verifySignature(good)))
    assert.deepEqual(results.map(codeOf), [...Array(20).fill(true), ...Array(5).fill('dependency.verifier_overloaded')])
    assert.equal(await verifier.verifySignature(good), true)
  })

  for (const end of ['exit', 'memory']) {
    test(`a thread that ends (${end}) fails what it was doing and nothing else`, async (t) => {
      const verifier = verifierFor(t, { workers: endingWorker, batchSize: 2 })
      await verifier.warm()
      const results = await Promise.allSettled([order(end), good, good, forged, good].map((one) => verifier.verifySignature(one)))
      assert.deepEqual(results.map(codeOf), ['dependency.verifier_failed', 'dependency.verifier_failed', true, false, true])
      assert.equal(await verifier.verifySignature(good), true)
    })
  }

  test('a file that threads cannot run rejects, and goes on rejecting', async (t) => {
    const verifier = verifierFor(t, { workers: { signatures: new URL('./missing.worker.ts', import.meta.url) } })
    for (let turn = 0; turn < 2; turn++) await assert.rejects(verifier.verifySignature(good), { code: 'dependency.verifier_failed' })
  })

  test('closing rejects what waits, and what comes later', async () => {
    const verifier = createVerifier()
    const waiting = Promise.allSettled(Array.from({ length: 50 }, () => verifier.verifySignature(good)))
    await verifier.close()
    assert.ok((await waiting).every((result) => codeOf(result) === 'internal.draining'))
    await assert.rejects(verifier.verifySignature(good), { code: 'internal.draining' })
  })

  test('nothing is started before the first job, and closing then is nothing', async () => {
    await createVerifier({ workers: { signatures: new URL('file:///nowhere') } }).close()
  })
})

suite('passwords on threads', () => {
  test('a password fits its own hash only, and two hashes of it differ', async (t) => {
    const verifier = verifierFor(t)
    const [one, two] = await Promise.all([verifier.hashPassword('open sesame'), verifier.hashPassword('open sesame')])
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.notEqual(one, two)
    assert.equal(await verifier.verifyPassword(one, 'open sesame'), true)
    assert.equal(await verifier.verifyPassword(one, 'open sesame '), false)
  })

  test('tokens do not wait behind passwords', async (t) => {
    const verifier = verifierFor(t)
    await Promise.all([verifier.warm(), verifier.hashPassword('x')])
    const finished: string[] = []
    const passwords = Array.from({ length: 30 }, () => verifier.hashPassword('x').then(() => finished.push('password')))
    await verifier.verifySignature(good)
    finished.push('token')
    await Promise.all(passwords)
    assert.ok(finished.indexOf('token') < 15, `the token was number ${finished.indexOf('token') + 1}`)
  })

  test('those that find the queue full are refused at once', async (t) => {
    const verifier = verifierFor(t, { passwordQueueLimit: 2 })
    const results = await Promise.allSettled(['a', 'b', 'c'].map((password) => verifier.hashPassword(password)))
    assert.equal(codeOf(results[2]!), 'dependency.verifier_overloaded')
    await waitUntil(() => verifier.load().passwords === 0)
  })

  test('a hash that is none, or would cost too much, is never tried', async (t) => {
    const verifier = verifierFor(t)
    const salt = 'c29tZXNhbHRzb21lc2FsdA$ESlp4MC1LC7K+i2A/gTaNAthHxtTj91avtHxrpqgKhc'
    assert.equal(passwordHashProblem(`$argon2id$v=19$m=19456,t=2,p=1$${salt}`), undefined)
    for (const costs of ['m=4194304,t=2,p=1', 'm=19456,t=500,p=1', 'm=19456,t=2,p=64'])
      assert.match(passwordHashProblem(`$argon2id$v=19$${costs}$${salt}`) ?? '', /costs more/)
    for (const hash of ['', 'plain', '$argon2i$v=19$m=19456,t=2,p=1$AA$AA', '$argon2id$nonsense', `$argon2id$${'x'.repeat(600)}`]) {
      assert.equal(passwordHashProblem(hash), 'it is not an Argon2id hash')
      await assert.rejects(verifier.verifyPassword(hash, 'x'), { code: 'dependency.verifier_failed' })
    }
  })
})
