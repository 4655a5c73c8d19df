import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { asAdmin, ownDatabases } from '@sluice/databases/test/postgres-databases'
import { createFakeClock, missingServer, waitUntil } from '@sluice/testkit'
import type { ConfigStore, StoreParts } from '../config-store.ts'
import { commitOf, testConfigStore } from '../config-store.contract.ts'
import { createPostgresConfigStore } from './postgres.ts'
import type { PostgresSettings } from './schema.ts'

const skip = missingServer('postgres')
const newDatabase = ownDatabases()

let shared = ''
const open = (url: string, parts: StoreParts = {}): Promise<ConfigStore> => createPostgresConfigStore({ url }, parts)

before(async () => {
  if (!skip) shared = await newDatabase()
})

if (!skip) testConfigStore('postgres', { open: () => open(shared), openPeer: () => open(shared) })

describe('the postgres config store on a server', { skip }, () => {
  test('several that start at once make one schema', async () => {
    const url = await newDatabase()
    const warnings: string[] = []
    const stores = await Promise.all([1, 2, 3, 4].map(() => open(url, { onWarning: (message) => warnings.push(message) })))
    const outcomes = await Promise.all(stores.map((store) => store.commit(commitOf('default', 0))))
    assert.deepEqual(outcomes.map((outcome) => outcome.outcome).toSorted(), ['committed', 'conflict', 'conflict', 'conflict'])
    const versions = await asAdmin((client) => client.query('SELECT store, version FROM schema_version'), url)
    assert.deepEqual(versions.rows, [{ store: 'config', version: 1 }, { store: 'config', version: 2 }])
    assert.deepEqual(warnings, [])
    await Promise.all(stores.map((store) => store.close()))
  })

  test('tables that are there need no right to make any', async () => {
    const url = await newDatabase()
    await (await open(url)).close()
    const user = `user_${randomBytes(4).toString('hex')}`
    await asAdmin(async (client) => {
      await client.query(`CREATE ROLE ${user} LOGIN`)
      await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${user}`)
    }, url)
    const store = await open(url.replace('sluice@', `${user}@`))
    assert.equal((await store.commit(commitOf('default', 0))).outcome, 'committed')
    await store.close()
  })

  test('tables of a newer version are refused with a reason', async () => {
    const url = await newDatabase()
    await (await open(url)).close()
    await asAdmin((client) => client.query("INSERT INTO schema_version (store, version) VALUES ('config', 1000)"), url)
    const warnings: string[] = []
    const store = await open(url, { onWarning: (message) => warnings.push(message) })
    await assert.rejects(store.head('default'), { code: 'dependency.store_unreachable' })
    await store.close()
    assert.match(warnings.join(), /version 1000.*newer version/)
  })

  test('old audit entries and edges not heard of for long are let go', async () => {
    const clock = createFakeClock()
    const scope = randomUUID()
    const store = await createPostgresConfigStore({ url: shared, auditRetentionDays: 2, edgeRetentionDays: 1 }, { clock })
    const audit = () => store.appendAudit({ scope, atMs: clock.now(), actor: '', action: '', outcome: '' })
    await audit()
    await store.saveEdge(scope, { name: 'silent', instance: 'i', lastHeartbeatMs: clock.now() })
    clock.advance(1.5 * 86_400_000)
    await audit()
    assert.equal((await store.listAudit(scope, { limit: 10 })).length, 2)
    assert.deepEqual(await store.edges(scope), [])
    clock.advance(86_400_000)
    await audit()
    await store.saveEdge(scope, { name: 'loud', instance: 'i', lastHeartbeatMs: clock.now() })
    assert.equal((await store.listAudit(scope, { limit: 10 })).length, 2)
    const left = await asAdmin((client) => client.query('SELECT name FROM config_edge WHERE scope = $1', [scope]), shared)
    assert.deepEqual(left.rows, [{ name: 'loud' }])
    await store.close()
  })

  test('what was committed is on disk when the call returns, whatever the server’s default is', async () => {
    const url = await newDatabase()
    await asAdmin((client) => client.query(`ALTER DATABASE ${url.split('/').at(-1)} SET synchronous_commit = off`))
    const store = await open(url)
    await asAdmin(async (client) => {
      await client.query('CREATE TABLE seen (setting text)')
      await client.query(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$`)
      await client.query('CREATE TRIGGER note BEFORE INSERT ON config_revision FOR EACH ROW EXECUTE FUNCTION note()')
    }, url)
    await store.commit(commitOf('default', 0))
    const seen = await asAdmin((client) => client.query('SELECT setting FROM seen'), url)
    assert.deepEqual(seen.rows, [{ setting: 'on' }])
    await store.close()
  })

  test('a watcher hears of ten thousand revisions it has missed, in order', async () => {
    const scope = randomUUID()
    const store = await open(shared)
    const seen: number[] = []
    store.watch(scope, (head) => void seen.push(head.revision))
    await store.commit(commitOf(scope, 0))
    await waitUntil(() => seen.length === 1)
    await asAdmin((client) => client.query("INSERT INTO config_revision SELECT $1, n, '', n::text, '', '', 'api', '', 0, '' FROM generate_series(2, 10001) n", [scope]), shared)
    await waitUntil(() => seen.length === 10_001, { timeoutMs: 30_000 })
    assert.deepEqual(seen, Array.from({ length: 10_001 }, (_, index) => index + 1))
    await store.close()
  })
})

describe('the settings of the postgres config store', () => {
  const problems: [string, object, RegExp][] = [
    ['no URL', {}, /url/],
    ['a URL of something else', { url: 'mysql://u:hidden@db/sluice' }, /must look like postgres:\/\/user:password@host:5432\/database/],
    ['a URL without a database', { url: 'postgres://u:hidden@db' }, /must look like/],
    ['a URL without a user', { url: 'postgres://db/sluice' }, /must look like/],
    ['an unknown parameter', { url: 'postgres://u:hidden@db/sluice?ssl=1' }, /unknown parameter "ssl".*sslmode/],
    ['an unknown sslmode', { url: 'postgres://u:hidden@db/sluice?sslmode=prefer' }, /disable, require, verify-full/],
    ['an unknown name', { url: 'postgres://u:hidden@db/sluice', schema: 'x' }, /schema/],
    ['authorities that cannot be read', { url: 'postgres://u:hidden@db/sluice?sslrootcert=/nonexistent/ca.pem' }, /sslrootcert.*nonexistent/],
  ]
  for (const [what, settings, message] of problems) {
    test(`${what} is named, the password is not`, async () => {
      await assert.rejects(createPostgresConfigStore(settings as PostgresSettings), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'config.invalid')
        assert.match(error.message, message)
        return !error.message.includes('hidden')
      })
    })
  }
})
