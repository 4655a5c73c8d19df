import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CredentialOutcome } from '@sluice/proto/messages/auth'
import { createVerifier } from '@sluice/verifier'
import { asked, getConsumer, put, someHash, startAuth } from './auth-harness.ts'

async function authWith(t: Parameters<typeof startAuth>[0], username: string, password: string) {
  const verifier = createVerifier()
  t.after(() => verifier.close())
  const passwordHash = await verifier.hashPassword(password)
  const running = await startAuth(t)
  await put(running.bus, { name: 'acme', groups: ['gold'], credentials: [{ basic: { username, passwordHash } }] })
  return { ...running, passwordHash, outcome: async (name: string, word: string) => (await asked.password(running.bus, { username: name, password: word })).outcome }
}

suite('passwords', () => {
  test('the right one says whose the user name is; the store keeps the hash only', async (t) => {
    const { bus, store, passwordHash } = await authWith(t, 'Ärger & co', 'öffne dich')
    const reply = await asked.password(bus, { username: 'Ärger & co', password: 'öffne dich' })
    assert.deepEqual([reply.outcome, reply.consumer?.name, reply.consumer?.groups, reply.version], [CredentialOutcome.VALID, 'acme', ['gold'], 1])
    assert.match(reply.credentialId, /^usr[0-9a-f]{16}$/)
    assert.ok(!JSON.stringify(await store.consumer('default', 'acme')).includes('öffne'))
    assert.deepEqual((await getConsumer(bus, 'acme'))?.credentials, [{ basic: { username: 'Ärger & co', passwordHash } }])
  })

  test('a wrong one, a user name that nobody has and one that was taken away get the same answer', async (t) => {
    const { bus, outcome } = await authWith(t, 'acme', 'sesame')
    const { credentialId } = await asked.password(bus, { username: 'acme', password: 'sesame' })
    assert.deepEqual([await outcome('acme', 'Sesame'), await outcome('nobody', 'sesame')], [CredentialOutcome.INVALID, CredentialOutcome.INVALID])
    await asked.deleteCredential(bus, { consumer: 'acme', credentialId })
    assert.equal(await outcome('acme', 'sesame'), CredentialOutcome.INVALID)
  })

  test('a user name belongs to one consumer, and stands there once', async (t) => {
    const { bus } = await authWith(t, 'acme', 'sesame')
    const basic = (username: string) => ({ basic: { username, passwordHash: someHash } })
    await assert.rejects(put(bus, { name: 'other', credentials: [basic('acme')] }), { code: 'config.exists' })
    await assert.rejects(put(bus, { name: 'other', credentials: [basic('x'), basic('x')] }), { code: 'config.invalid', message: /basic x stands there twice/ })
  })

  test('a hash that is none, and a name that no field can carry, are refused with their place', async (t) => {
    const { bus } = await startAuth(t)
    await assert.rejects(put(bus, { name: 'acme', credentials: [{ basic: { username: 'a', passwordHash: '$argon2id$nonsense' } }] }), { code: 'config.invalid', message: /\/credentials\/0: it is not an Argon2id hash/ })
    for (const username of ['', 'a:b', 'a\nb', 'x'.repeat(257)]) await assert.rejects(put(bus, { name: 'acme', credentials: [{ basic: { username, passwordHash: someHash } }] }), { code: 'config.invalid' })
  })

  test('an API key is no password, nor the other way round', async (t) => {
    const { bus, outcome } = await authWith(t, 'acme', 'sesame')
    const { id, key } = await asked.createKey(bus, { consumer: 'acme' })
    assert.equal(await outcome(id, key.slice(`sk_${id}_`.length)), CredentialOutcome.INVALID)
    assert.equal((await asked.key(bus, { id: 'acme', secret: 'sesame' })).outcome, CredentialOutcome.INVALID)
  })
})
