// What becomes of a write when its connection ends at COMMIT, and of lookups when PostgreSQL is killed.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { freePort, LossyRelay, missingServer, startPostgres, type Cut, type PostgresServer } from '@sluice/testkit'
import type { CredentialStore } from '../credential-store.ts'
import { apiKey, consumerOf } from '../credential-store.contract.ts'
import { createPostgresCredentialStore } from './postgres.ts'

const unreachable = { code: 'dependency.store_unreachable' }

describe('the postgres credential store in an outage', { skip: missingServer('postgres') }, () => {
  let server: PostgresServer
  let direct: CredentialStore
  const open = (port: number) => createPostgresCredentialStore({ url: `postgres://sluice@127.0.0.1:${port}/postgres` })

  before(async () => {
    server = await startPostgres()
    direct = await open(server.port)
  })
  after(async () => {
    await direct.close()
    await server.stop()
  })

  /** What a write answers whose first COMMIT meets `cut`, then what `direct` sees. */
  async function writeThrough(cut: Cut, scope: string, write: (store: CredentialStore) => Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
    let isArmed = false
    const relay = new LossyRelay(await freePort(), `127.0.0.1:${server.port}`)
    relay.onPiece = (piece) => (isArmed && piece.includes('COMMIT\0') ? ((isArmed = false), cut) : 'none')
    await relay.open()
    const store = await open(relay.port)
    await store.version(scope)
    isArmed = true
    const [result] = await Promise.allSettled([write(store)])
    await store.close()
    await relay.close()
    return result
  }

  test('a write whose answer got lost is answered with its version, and done once', async () => {
    const scope = randomUUID()
    const result = await writeThrough('after', scope, (store) => store.putConsumers(scope, [consumerOf('a', apiKey('k1')), consumerOf('b')], { createOnly: true }))
    assert.deepEqual(result, { status: 'fulfilled', value: { outcome: 'written', version: 2 } })
    assert.deepEqual((await direct.changes(scope, 0))?.map((change) => change.consumer), ['a', 'b'])
  })

  test('a revocation whose answer got lost holds, and says so', async () => {
    const scope = randomUUID()
    await direct.putConsumers(scope, [consumerOf('a', apiKey('k1'))], { createOnly: true })
    assert.deepEqual(await writeThrough('after', scope, (store) => store.deleteCredential(scope, 'a', 'k1')), { status: 'fulfilled', value: 2 })
    assert.equal(await direct.findApiKey(scope, 'k1'), undefined)
  })

  test('a write that was never committed is a failure, and leaves nothing', async () => {
    const scope = randomUUID()
    const result = await writeThrough('before', scope, (store) => store.putConsumers(scope, [consumerOf('a', apiKey('k1'))], { createOnly: true }))
    assert.equal(result.status === 'rejected' && result.reason.code, unreachable.code)
    assert.equal(await direct.findApiKey(scope, 'k1'), undefined)
    assert.equal(await direct.version(scope), 0)
  })

  test('lookups fail closed while PostgreSQL is killed; what was revoked stays so when it is back', async () => {
    const scope = randomUUID()
    await direct.putConsumers(scope, [consumerOf('a', apiKey('k1'), apiKey('k2'))], { createOnly: true })
    await direct.deleteCredential(scope, 'a', 'k1')
    await server.kill('SIGKILL')
    await Promise.all([direct.findApiKey(scope, 'k1'), direct.findSubject(scope, 's'), direct.changes(scope, 0), direct.deleteConsumer(scope, 'a')].map((call) => assert.rejects(call, unreachable)))
    await server.restart()
    assert.equal(await direct.findApiKey(scope, 'k1'), undefined)
    assert.equal((await direct.findApiKey(scope, 'k2'))?.consumer.name, 'a')
    assert.equal(await direct.addCredential(scope, 'a', apiKey('k3')), 3)
  })
})
