import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ownKeyspaces, settingsOf, withClient } from '@sluice/databases/test/cassandra-keyspaces'
import { missingServer, waitUntil } from '@sluice/testkit'
import type { ConfigStore } from '../config-store.ts'
import { commitOf, testConfigStore } from '../config-store.contract.ts'
import { createCassandraConfigStore, type CassandraParts } from './cassandra.ts'
import type { CassandraSettings } from './schema.ts'

const skip = missingServer('cassandra')
const newKeyspace = ownKeyspaces()

async function open(keyspace: string, parts: CassandraParts = {}): Promise<ConfigStore> {
  const store = await createCassandraConfigStore(settingsOf(keyspace), parts)
  await waitUntil(() => store.ping().then(() => true), { timeoutMs: 30_000 })
  return store
}

// Making tables takes seconds, so what can share them does: one keyspace with the real partitions, one with small ones.
const shared = newKeyspace()
const smallEpochs = newKeyspace()

if (!skip) testConfigStore('cassandra', { open: () => open(shared), openPeer: () => open(shared) })

describe('the cassandra config store on a server', { skip }, () => {
  test('several that start at once make one schema, and say once that it has one copy only', async () => {
    const keyspace = newKeyspace()
    const warnings: string[] = []
    const stores = await Promise.all([1, 2, 3].map(() => open(keyspace, { onWarning: (message) => warnings.push(message) })))
    const outcomes = await Promise.all(stores.map((store) => store.commit(commitOf('default', 0))))
    assert.deepEqual(outcomes.map((outcome) => outcome.outcome).toSorted(), ['committed', 'conflict', 'conflict'])
    assert.ok(warnings.length > 0 && warnings.every((warning) => /one copy in the datacenter datacenter1/.test(warning)), warnings.join('\n'))
    const versions = await withClient((client) => client.execute(`SELECT version FROM ${keyspace}.schema_version WHERE store = 'config'`))
    assert.deepEqual(versions.rows.map((row) => row.version), [1, 2])
    await Promise.all(stores.map((store) => store.close()))
  })

  test('a starter that died while it held the lock is waited for, and its half of the tables completed', async () => {
    const keyspace = newKeyspace()
    await withClient(async (client) => {
      await client.execute(`CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}`)
      await client.execute(`CREATE TABLE ${keyspace}.schema_lock (name text PRIMARY KEY, owner text)`)
      await client.execute(`CREATE TABLE ${keyspace}.config_edge (scope text, name text, instance text, last_heartbeat timestamp, PRIMARY KEY ((scope), name))`)
      await client.execute(`INSERT INTO ${keyspace}.schema_lock (name, owner) VALUES ('tables', 'dead') IF NOT EXISTS USING TTL 3`)
    })
    const store = await open(keyspace)
    assert.equal((await store.commit(commitOf('default', 0))).outcome, 'committed')
    await store.close()
  })

  test('tables of a newer version are refused with a reason', async () => {
    const keyspace = newKeyspace()
    await (await open(keyspace)).close()
    await withClient((client) => client.execute(`INSERT INTO ${keyspace}.schema_version (store, version) VALUES ('config', 1000)`))
    const warnings: string[] = []
    const store = await createCassandraConfigStore(settingsOf(keyspace), { onWarning: (message) => warnings.push(message) })
    await assert.rejects(store.head('default'), { code: 'dependency.store_unreachable' })
    await store.close()
    assert.match(warnings.join(), /version 1000.*newer version/)
  })

  test('history runs on from one partition to the next', async () => {
    const stores = [await open(smallEpochs, { epochSize: 4 }), await open(smallEpochs, { epochSize: 4 })] as const
    const scope = randomUUID()
    const seen: number[] = []
    stores[1].watch(scope, (head) => void seen.push(head.revision))
    await stores[0].commit(commitOf(scope, 0, { origin: 'file', fileDigest: 'the file' }))
    const writer = async (store: ConfigStore): Promise<void> => {
      for (let won = 0, head = 1; won < 7; ) {
        const result = await store.commit(commitOf(scope, head))
        if (result.outcome === 'committed') won++
        head = result.outcome === 'committed' ? result.revision : result.head
      }
    }
    await Promise.all([writer(stores[0]), writer(stores[1])])
    const all = Array.from({ length: 15 }, (_, index) => index + 1)
    await waitUntil(() => seen.length === 15)
    assert.deepEqual(seen, all)
    for (const store of [...stores, await open(smallEpochs, { epochSize: 4 })]) {
      assert.equal((await store.head(scope))?.revision, 15)
      assert.deepEqual((await store.list(scope, { limit: 100 })).map((record) => record.revision), all.toReversed())
      assert.deepEqual((await store.list(scope, { before: 10, limit: 3 })).map((record) => record.revision), [9, 8, 7])
      assert.deepEqual([(await store.lastFromFile(scope))?.revision, (await store.lastFromFile(scope))?.fileDigest], [1, 'the file'])
      await store.close()
    }
  })

  test('the first commit of a partition waits for the partition before to be full', async () => {
    const store = await open(smallEpochs, { epochSize: 4 })
    const scope = randomUUID()
    for (let head = 0; head < 3; head++) await store.commit(commitOf(scope, head))
    assert.deepEqual(await store.commit(commitOf(scope, 4)), { outcome: 'conflict', head: 3 })
    const fourth = commitOf(scope, 3)
    assert.deepEqual(await store.commit(fourth), { outcome: 'committed', revision: 4 })
    assert.deepEqual(await store.commit(commitOf(scope, 4)), { outcome: 'committed', revision: 5 })
    assert.deepEqual(await store.commit(fourth), { outcome: 'committed', revision: 4 })
    assert.deepEqual(await store.commit(commitOf(scope, 3)), { outcome: 'conflict', head: 5 })
    await store.close()
  })

  test('what a change that lost has stored is taken away', async () => {
    const stores = await Promise.all([open(shared), open(shared)])
    const scope = randomUUID()
    for (let head = 0; head < 5; head++) await Promise.all(stores.map((store) => store.commit(commitOf(scope, head))))
    const history = await stores[0].list(scope, { limit: 10 })
    const bodies = await withClient((client) => client.execute(`SELECT scope, rev, change_id FROM ${shared}.config_change`))
    assert.deepEqual(bodies.rows.filter((row) => row.scope === scope).map((row) => row.change_id).toSorted(), history.map((record) => record.changeId).toSorted())
    await Promise.all(stores.map((store) => store.close()))
  })

  test('edges and audit entries carry their time to live', async () => {
    const scope = randomUUID()
    const store = await createCassandraConfigStore({ ...settingsOf(shared), auditRetentionDays: 2, edgeRetentionDays: 3 })
    await store.saveEdge(scope, { name: 'e1', instance: 'i', lastHeartbeatMs: 1 })
    await store.appendAudit({ scope, atMs: 1, actor: 'a', action: 'b', outcome: 'c' })
    await store.close()
    const ttls = await withClient(async (client) => [
      (await client.execute(`SELECT ttl(instance) AS ttl FROM ${shared}.config_edge WHERE scope = ?`, [scope], { prepare: true })).first()?.ttl,
      (await client.execute(`SELECT ttl(actor) AS ttl FROM ${shared}.config_audit WHERE scope = ? AND day = 0`, [scope], { prepare: true })).first()?.ttl,
    ])
    assert.deepEqual(ttls.map((ttl) => Math.ceil(ttl / 86_400)), [3, 2])
  })
})

describe('the settings of the cassandra config store', () => {
  const good = { contactPoints: 'a.example:9042, [::1]:9142,10.0.0.1', localDatacenter: 'dc1' }
  const problems: [string, object, RegExp][] = [
    ['no contact points', { ...good, contactPoints: '' }, /contactPoints/],
    ['a contact point that is a URL', { ...good, contactPoints: ['http://a'] }, /contactPoints.*host:9042/],
    ['a keyspace that is no name', { ...good, keyspace: 'a; DROP' }, /keyspace/],
    ['a replication that cannot be read', { ...good, replication: 'three' }, /dc1:3,dc2:3/],
    ['a user without a password', { ...good, user: 'sluice' }, /user and password/],
    ['an unknown name', { ...good, datacentre: 'x' }, /datacentre/],
  ]
  for (const [what, settings, message] of problems) {
    test(`${what} is named`, async () => {
      await assert.rejects(createCassandraConfigStore(settings as CassandraSettings), { code: 'config.invalid', message })
    })
  }

  test('a file of authorities that cannot be read is named', async () => {
    await assert.rejects(createCassandraConfigStore({ ...good, ca: '/nonexistent/ca.pem' }), { code: 'config.invalid', message: /ca.*nonexistent/ })
  })

  test('with authorities given, a node that speaks no TLS is not used', { skip }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-ca-'))
    writeFileSync(join(directory, 'ca.pem'), '')
    const warnings: string[] = []
    const store = await createCassandraConfigStore({ ...settingsOf('never_made'), ca: join(directory, 'ca.pem') }, { onWarning: (message) => warnings.push(message) })
    await assert.rejects(store.ping(), { code: 'dependency.store_unreachable' })
    assert.equal(warnings.length, 1)
    await store.close()
    rmSync(directory, { recursive: true })
  })
})
