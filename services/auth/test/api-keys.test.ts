import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CredentialOutcome } from '@sluice/proto/messages/auth'
import { createVerifier } from '@sluice/verifier'
import { asked, getConsumer, partsOf, put, startAuth } from './auth-harness.ts'

suite('API keys', () => {
  test('a new key is good, says whose it is, and is stored as a hash only', async (t) => {
    const { bus, store } = await startAuth(t)
    await put(bus, { name: 'acme', groups: ['gold'], labels: { plan: 'a' } })
    const { id, key, version } = await asked.createKey(bus, { consumer: 'acme' })
    assert.match(key, /^sk_[a-z0-9]{12}_[0-9a-f]{64}$/)
    const reply = await asked.key(bus, partsOf(key))
    assert.equal(reply.outcome, CredentialOutcome.VALID)
    assert.equal(reply.credentialId, id)
    assert.deepEqual([reply.consumer?.name, reply.consumer?.groups, reply.consumer?.labels], ['acme', ['gold'], { plan: 'a' }])
    assert.equal(reply.version, version)
    const stored = JSON.stringify(await store.consumer('default', 'acme'))
    assert.ok(!stored.includes(partsOf(key).secret) && stored.includes('$argon2id$'))
  })

  test('a wrong secret, an unknown id and a revoked key get the same answer', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme' })
    const { id, key } = await asked.createKey(bus, { consumer: 'acme' })
    const wrong = await asked.key(bus, { id, secret: 'wrong' })
    const unknown = await asked.key(bus, { id: 'nobody', secret: 'wrong' })
    assert.equal((await asked.key(bus, partsOf(key))).outcome, CredentialOutcome.VALID)
    await asked.deleteCredential(bus, { consumer: 'acme', credentialId: id })
    const revoked = await asked.key(bus, partsOf(key))
    for (const reply of [wrong, unknown, revoked]) {
      assert.deepEqual([reply.outcome, reply.consumer, reply.credentialId, reply.expiresAtMs], [CredentialOutcome.INVALID, undefined, '', 0])
    }
  })

  test('a key that nobody has seen goes before ids that nobody has, however many of those wait', async (t) => {
    const verifier = createVerifier()
    t.after(() => verifier.close())
    const { bus } = await startAuth(t, { verifier })
    await put(bus, { name: 'acme' })
    const { key } = await asked.createKey(bus, { consumer: 'acme' })
    const order: string[] = []
    const guesses = Array.from({ length: 16 }, (_, index) => asked.key(bus, { id: `nobody${index}`, secret: 'wrong' }).then(() => void order.push('guess')))
    const good = asked.key(bus, partsOf(key)).then(({ outcome }) => void order.push(outcome === CredentialOutcome.VALID ? 'good' : 'refused'))
    await Promise.all([...guesses, good])
    // What the thread was at, and what came in while the store was asked for the key, was begun before.
    const place = order.indexOf('good')
    assert.ok(place >= 0 && place <= 3, order.join())
  })

  test('an unknown id takes about as long as a wrong secret', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme' })
    const { id } = await asked.createKey(bus, { consumer: 'acme' })
    const known: number[] = []
    const unknown: number[] = []
    const time = async (times: number[], ofId: string, secret: string) => {
      const start = performance.now()
      await asked.key(bus, { id: ofId, secret })
      times.push(performance.now() - start)
    }
    // In turns, so that a busy machine slows both alike.
    for (let turn = 0; turn < 9; turn++) {
      await time(known, id, `wrong${turn}`)
      await time(unknown, `nobody${turn}`, `wrong${turn}`)
    }
    const median = (times: number[]) => times.sort((a, b) => a - b)[4]!
    assert.ok(median(unknown) > median(known) / 3, `unknown ${median(unknown).toFixed(1)} ms, wrong ${median(known).toFixed(1)} ms`)
  })

  test('a key of a file, hashed by hand, is good until it expires', async (t) => {
    const { bus } = await startAuth(t)
    const verifier = createVerifier()
    t.after(() => verifier.close())
    const own = await verifier.hashPassword('my own secret')
    const soon = new Date(Date.now() + 3_600_000).toISOString()
    const past = new Date(Date.now() - 1000).toISOString()
    await put(bus, { name: 'acme', credentials: [{ apiKey: { id: 'k7f3', hash: own, expiresAt: soon } }, { apiKey: { id: 'old', hash: own, expiresAt: past } }] })
    const good = await asked.key(bus, { id: 'k7f3', secret: 'my own secret' })
    assert.deepEqual([good.outcome, good.expiresAtMs], [CredentialOutcome.VALID, Date.parse(soon)])
    assert.equal((await asked.key(bus, { id: 'old', secret: 'my own secret' })).outcome, CredentialOutcome.INVALID)
    assert.deepEqual((await getConsumer(bus, 'acme'))?.credentials, [{ apiKey: { id: 'k7f3', hash: own, expiresAt: soon } }, { apiKey: { id: 'old', hash: own, expiresAt: past } }])
  })

  test('a key for a consumer that is not there, or one that has expired before it began, is not made', async (t) => {
    const { bus } = await startAuth(t)
    await assert.rejects(asked.createKey(bus, { consumer: 'nobody' }), { code: 'config.not_found' })
    await put(bus, { name: 'acme' })
    for (const expiresAtMs of [1, -1, NaN, 1e300, Date.now() + 0.5])
      await assert.rejects(asked.createKey(bus, { consumer: 'acme', expiresAtMs }), { code: 'config.invalid' })
    assert.equal((await getConsumer(bus, 'acme'))?.credentials, undefined)
  })

  test('neither a key nor a hash reaches the log', async (t) => {
    const { bus, log } = await startAuth(t)
    await put(bus, { name: 'acme' })
    const { id, key } = await asked.createKey(bus, { consumer: 'acme' })
    await asked.key(bus, partsOf(key))
    await asked.key(bus, { id, secret: 'a wrong secret' })
    await assert.rejects(asked.put(bus, { consumersJson: [`{"name":"x","credentials":[{"apiKey":{"id":"a","hash":"a wrong secret"}}]}`] }))
    const written = log.join('')
    for (const secret of [partsOf(key).secret, 'a wrong secret', '$argon2id$']) assert.ok(!written.includes(secret))
  })

  test('outcomes are counted', async (t) => {
    const { bus, count } = await startAuth(t)
    await put(bus, { name: 'acme' })
    const { id, key } = await asked.createKey(bus, { consumer: 'acme' })
    await asked.key(bus, partsOf(key))
    await asked.key(bus, partsOf(key))
    await asked.key(bus, { id, secret: 'wrong' })
    assert.equal(count('sluice_auth_key_checks_total', 'valid'), 2)
    assert.equal(count('sluice_auth_key_checks_total', 'invalid'), 1)
    assert.ok(count('sluice_auth_changes_announced_total') >= 2)
  })
})
