import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test, type TestContext } from 'node:test'
import { openCredentialStore } from '@sluice/credential-stores'
import { CredentialOutcome } from '@sluice/proto/messages/auth'
import { needServer, waitUntil } from '@sluice/testkit'
import { asked, getConsumer, openBus, partsOf, put, startAuth } from './auth-harness.ts'

/** Two instances with a connection each to one keyspace; calls go to either. */
async function startTwo(t: TestContext, contactPoints: string) {
  const bus = await openBus(t)
  const keyspace = `test_${randomBytes(8).toString('hex')}`
  const open = async () => {
    const store = await openCredentialStore('cassandra', { contactPoints, localDatacenter: 'datacenter1', keyspace })
    t.after(() => store.close())
    await waitUntil(() => store.ping().then(() => true), { timeoutMs: 30_000 })
    return store
  }
  const first = await startAuth(t, { bus, store: await open() })
  const second = await startAuth(t, { bus, store: await open() })
  return { bus, first, second }
}

suite('two auths over one Cassandra', () => {
  test('are one auth: what one writes the other answers, and edges hear each change in order', async (t) => {
    const contactPoints = needServer(t, 'cassandra')
    if (contactPoints === undefined) return
    const { bus, first, second } = await startTwo(t, contactPoints)
    await put(bus, { name: 'acme', groups: ['gold'] })
    const keys = []
    for (let turn = 0; turn < 4; turn++) keys.push(await asked.createKey(bus, { consumer: 'acme' }))
    // Each key is asked about twice, so that both instances answer for it.
    for (const { key } of [...keys, ...keys]) assert.equal((await asked.key(bus, partsOf(key))).outcome, CredentialOutcome.VALID)
    const [revoked, ...kept] = keys
    await asked.deleteCredential(bus, { consumer: 'acme', credentialId: revoked!.id })
    for (let turn = 0; turn < 2; turn++) assert.equal((await asked.key(bus, partsOf(revoked!.key))).outcome, CredentialOutcome.INVALID)
    assert.equal(((await getConsumer(bus, 'acme'))!.credentials as object[]).length, kept.length)
    await waitUntil(() => first.heard.some(({ version }) => version === 6))
    assert.deepEqual([...new Set(first.heard.map(({ version }) => version))], [1, 2, 3, 4, 5, 6])
    for (const { auth } of [first, second]) assert.deepEqual(auth.health(), { ready: true, reasons: [] })
  })

  test('one of them going away loses no change', async (t) => {
    const contactPoints = needServer(t, 'cassandra')
    if (contactPoints === undefined) return
    const { bus, first, second } = await startTwo(t, contactPoints)
    await put(bus, { name: 'acme' })
    await second.auth.stop({ deadlineMs: 1000 })
    // Written beside the bus, as by an auth that died before it could tell.
    await second.store.deleteConsumer('default', 'acme')
    await waitUntil(() => first.heard.some(({ version, consumer }) => version === 2 && consumer === 'acme'))
    assert.equal(await getConsumer(bus, 'acme'), undefined)
  })
})
