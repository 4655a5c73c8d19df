import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { errors } from 'cassandra-driver'
import { Connection } from '@sluice/databases/cassandra-connection'
import { ownKeyspaces, settingsOf, withClient } from '@sluice/databases/test/cassandra-keyspaces'
import { freePort, missingServer, waitUntil } from '@sluice/testkit'
import { planDelete, planPut, type ConsumersChange } from '../consumer-changes.ts'
import type { CredentialStore } from '../credential-store.ts'
import { apiKey, consumerOf, subject, testCredentialStore } from '../credential-store.contract.ts'
import { createCassandraCredentialStore, type CassandraParts } from './cassandra.ts'
import { ChangeLog, LOG_SIZES, type Head, type LogEntry } from './change-log.ts'
import { ConsumerRows } from './consumer-rows.ts'
import { intentOf, writeIntent } from './intents.ts'
import { Writer } from './writer.ts'

const skip = missingServer('cassandra')
const newKeyspace = ownKeyspaces()

async function open(keyspace: string, parts: CassandraParts = {}): Promise<CredentialStore> {
  const store = await createCassandraCredentialStore(settingsOf(keyspace), parts)
  await waitUntil(() => store.ping().then(() => true), { timeoutMs: 30_000 })
  return store
}

const shared = newKeyspace()
const sizes = (changesKept: number) => ({ logSizes: { epochSize: changesKept, changesKept } })

if (!skip) {
  testCredentialStore('cassandra', {
    open: (changesKept) => open(shared, sizes(changesKept)),
    openPeer: (_, changesKept) => open(shared, sizes(changesKept)),
  })
}

describe('the cassandra credential store when a writer dies or an answer gets lost', { skip }, () => {
  const keyspace = newKeyspace()
  const acme = consumerOf('acme', apiKey('k1'), apiKey('k2'), subject('s1'))

  /** The parts of a store, to stop it halfway. */
  async function withParts<T>(work: (parts: { connection: Connection; log: ChangeLog; rows: ConsumerRows }) => Promise<T>): Promise<T> {
    const migrations = { store: 'credentials', folder: new URL('./migrations/', import.meta.url) }
    const connection = new Connection({ ...settingsOf(keyspace), contactPoints: [settingsOf(keyspace).contactPoints], user: undefined, password: undefined, ca: undefined, replication: undefined }, migrations, () => {})
    await connection.started()
    return work({ connection, log: new ChangeLog(connection, LOG_SIZES), rows: new ConsumerRows(connection) }).finally(() => connection.close())
  }

  /** Does what a writer does, up to the log or only up to the intent, and no more. */
  async function dieHalfway(scope: string, change: ConsumersChange, { isLogged }: { isLogged: boolean }): Promise<void> {
    await withParts(async ({ connection, log }) => {
      const head = await log.head(scope, { serial: true })
      const entry: LogEntry = { version: head.version + 1, upto: head.version + change.changes.length, changeId: randomUUID(), changes: change.changes }
      await writeIntent(connection, { scope, version: entry.version, changeId: entry.changeId }, intentOf(change))
      if (isLogged) assert.equal(await log.append(scope, head, entry), true)
    })
  }

  test('a revoked key is not found once its revocation is in the log, though its writer died before it was done', async () => {
    const scope = randomUUID()
    const stores = [await open(keyspace), await open(keyspace)] as const
    await stores[0].putConsumers(scope, [acme], { createOnly: true })
    assert.ok(await stores[1].findApiKey(scope, 'k1'))
    await dieHalfway(scope, planDelete(acme), { isLogged: true })
    assert.equal((await stores[0].changes(scope, 1))?.length, 1)
    const found = await Promise.all([stores[0].findApiKey(scope, 'k1'), stores[1].findApiKey(scope, 'k2'), stores[1].findSubject(scope, 's1'), stores[0].consumer(scope, 'acme')])
    assert.deepEqual(found, [undefined, undefined, undefined, undefined])
    assert.deepEqual(await stores[0].putConsumers(scope, [consumerOf('other', apiKey('k1'))], { createOnly: true }), { outcome: 'written', version: 3 })
    assert.equal((await stores[1].findApiKey(scope, 'k1'))?.consumer.name, 'other')
    for (const store of stores) await store.close()
  })

  test('several consumers are all there once they are in the log, though their writer died', async () => {
    const scope = randomUUID()
    const consumers = Array.from({ length: 40 }, (_, index) => consumerOf(`c${index}`, apiKey(`k${index}`)))
    const plan = planPut({ consumers, createOnly: true, stored: new Map(), ownerOf: () => undefined })
    assert.ok(plan.outcome === 'change')
    await dieHalfway(scope, plan.change, { isLogged: true })
    const store = await open(keyspace)
    assert.equal(await store.addCredential(scope, 'c7', apiKey('more')), 41)
    assert.equal((await store.consumers(scope, { limit: 100 })).length, 40)
    assert.equal((await store.findApiKey(scope, 'k7'))?.consumer.credentials.length, 2)
    await store.close()
  })

  test('a write that did not come into the log never was', async () => {
    const scope = randomUUID()
    const store = await open(keyspace)
    await store.putConsumers(scope, [acme], { createOnly: true })
    await dieHalfway(scope, planDelete(acme), { isLogged: false })
    assert.ok(await store.findApiKey(scope, 'k1'))
    assert.equal(await store.version(scope), 1)
    assert.equal(await store.deleteCredential(scope, 'acme', 'k1'), 2)
    await store.close()
  })

  test('a write that is done again late undoes nothing that came after it', async () => {
    const scope = randomUUID()
    const store = await open(keyspace)
    await store.putConsumers(scope, [acme], { createOnly: true })
    await store.deleteCredential(scope, 'acme', 'k1')
    const plan = planPut({ consumers: [acme], createOnly: true, stored: new Map(), ownerOf: () => undefined })
    assert.ok(plan.outcome === 'change')
    await withParts(({ rows }) => rows.apply(scope, 1, intentOf(plan.change)))
    assert.equal(await store.findApiKey(scope, 'k1'), undefined)
    assert.equal((await store.consumer(scope, 'acme'))?.credentials.length, 2)
    await store.close()
  })

  class LossyLog extends ChangeLog {
    /** What becomes of the next appends; then all is well. */
    fates: ('lost on its way' | 'answer lost')[] = []

    override async append(scope: string, head: Head, entry: LogEntry): Promise<boolean> {
      const fate = this.fates.shift()
      if (fate === 'lost on its way') throw new errors.OperationTimedOutError('no answer')
      const isApplied = await super.append(scope, head, entry)
      if (fate === 'answer lost') throw new errors.OperationTimedOutError('no answer')
      return isApplied
    }
  }

  for (const fates of [['answer lost'], ['lost on its way'], ['lost on its way', 'answer lost']] as const) {
    test(`a write is done once whatever becomes of its batch: ${fates.join(', then ')}`, async () => {
      const scope = randomUUID()
      await withParts(async ({ connection, rows }) => {
        const log = new LossyLog(connection, LOG_SIZES)
        log.fates = [...fates]
        const plan = planPut({ consumers: [acme], createOnly: true, stored: new Map(), ownerOf: () => undefined })
        assert.ok(plan.outcome === 'change')
        const { change } = plan
        assert.equal(await new Writer(connection, log, rows).write(scope, async () => change), 1)
        assert.deepEqual((await log.changes(scope, 0))?.map((record) => record.version), [1])
        assert.deepEqual(await rows.consumer(scope, 'acme'), acme)
      })
    })
  }

  test('the intent of a write, which holds hashes, goes when the write is done or lost', async () => {
    const scope = randomUUID()
    const stores = await Promise.all([open(keyspace), open(keyspace)])
    const writes = [1, 2, 3, 4].flatMap((index) => stores.map((store, which) => store.putConsumers(scope, [consumerOf(`c${which}${index}`, apiKey(`k${which}${index}`))], { createOnly: true })))
    for (const result of await Promise.all(writes)) assert.equal(result.outcome, 'written')
    await Promise.all(stores.map((store) => store.close()))
    const intents = await withClient((client) => client.execute(`SELECT version FROM ${keyspace}.credential_intent WHERE scope = ? ALLOW FILTERING`, [scope], { prepare: true }))
    assert.deepEqual(intents.rows, [])
  })
})

describe('the cassandra credential store while Cassandra is away', () => {
  test('calls are refused with the reason told once, and quickly', async () => {
    const warnings: string[] = []
    const settings = { contactPoints: `127.0.0.1:${await freePort()}`, localDatacenter: 'datacenter1' }
    const store = await createCassandraCredentialStore(settings, { onWarning: (message) => warnings.push(message) })
    const start = performance.now()
    for (const call of [store.findApiKey('s', 'k'), store.putConsumers('s', [consumerOf('a')], { createOnly: false }), store.changes('s', 0), store.ping()]) {
      await assert.rejects(call, { code: 'dependency.store_unreachable' })
    }
    assert.ok(performance.now() - start < 5000)
    await store.close()
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /ECONNREFUSED/)
  })

  test('wrong settings are named', async () => {
    await assert.rejects(createCassandraCredentialStore({ contactPoints: '', localDatacenter: '' }), { code: 'config.invalid', message: /contactPoints.*localDatacenter/ })
  })
})
