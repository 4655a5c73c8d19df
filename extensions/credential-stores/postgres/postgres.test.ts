import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { asAdmin, ownDatabases } from '@sluice/databases/test/postgres-databases'
import { missingServer } from '@sluice/testkit'
import { MAX_CONSUMERS_A_WRITE, type CredentialStore } from '../credential-store.ts'
import { apiKey, consumerOf, subject, testCredentialStore } from '../credential-store.contract.ts'
import { createPostgresCredentialStore } from './postgres.ts'
import type { PostgresSettings } from './schema.ts'

const skip = missingServer('postgres')
const newDatabase = ownDatabases()
let url = ''

before(async () => {
  if (!skip) url = await newDatabase()
})

const open = (changesKept?: number): Promise<CredentialStore> => createPostgresCredentialStore({ url, ...(changesKept !== undefined && { changesKept }) })

if (!skip) testCredentialStore('postgres', { open, openPeer: (_, changesKept) => open(changesKept) })

describe('the postgres credential store on a server', { skip }, () => {
  test('as many consumers as a write takes are put at once', async () => {
    const scope = randomUUID()
    const store = await open()
    const consumers = Array.from({ length: MAX_CONSUMERS_A_WRITE }, (_, index) => consumerOf(`c${index}`, apiKey(`k${index}`), subject(`s${index}`)))
    assert.deepEqual(await store.putConsumers(scope, consumers, { createOnly: true }), { outcome: 'written', version: MAX_CONSUMERS_A_WRITE })
    assert.equal((await store.findSubject(scope, 's1999'))?.consumer.name, 'c1999')
    await store.close()
  })

  test('a write that fails halfway leaves nothing behind, and the next one is none the worse', async () => {
    const scope = randomUUID()
    const store = await open()
    await store.putConsumers(scope, [consumerOf('acme', apiKey('k1'))], { createOnly: true })
    await asAdmin((client) => client.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$`), url)
    await asAdmin((client) => client.query('CREATE TRIGGER fail BEFORE INSERT ON credential_change FOR EACH ROW EXECUTE FUNCTION fail()'), url)
    try {
      await assert.rejects(store.putConsumers(scope, [consumerOf('acme'), consumerOf('other', apiKey('k2'))], { createOnly: false }), { code: 'dependency.store_unreachable' })
    } finally {
      await asAdmin((client) => client.query('DROP TRIGGER fail ON credential_change'), url)
    }
    assert.equal((await store.findApiKey(scope, 'k1'))?.consumer.name, 'acme')
    assert.equal(await store.findApiKey(scope, 'k2'), undefined)
    assert.equal(await store.deleteCredential(scope, 'acme', 'k1'), 2)
    await store.close()
  })

  test('its tables have a version of their own', async () => {
    const versions = await asAdmin((client) => client.query('SELECT store, version FROM schema_version'), url)
    assert.deepEqual(versions.rows, [1, 2, 3].map((version) => ({ store: 'credentials', version })))
  })

  test('wrong settings are named', async () => {
    await assert.rejects(createPostgresCredentialStore({ url: 'sluice' } as PostgresSettings), { code: 'config.invalid', message: /url: must look like postgres:/ })
  })
})
