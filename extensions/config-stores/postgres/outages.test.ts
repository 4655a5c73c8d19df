// What the store does when PostgreSQL is killed, restarted, slow or silent, or an answer gets lost: on a server of its own,
// and through a relay that loses what it is told to lose.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { freePort, LossyRelay, missingServer, startPostgres, waitUntil, type Cut, type PostgresServer } from '@sluice/testkit'
import type { ConfigStore } from '../config-store.ts'
import { commitOf } from '../config-store.contract.ts'
import { createPostgresConfigStore } from './postgres.ts'

const unreachable = { code: 'dependency.store_unreachable' }

describe('the postgres config store in an outage', { skip: missingServer('postgres') }, () => {
  let server: PostgresServer
  let direct: ConfigStore
  const stores: ConfigStore[] = []
  const open = async (port: number, warnings: string[] = []): Promise<ConfigStore> => {
    const store = await createPostgresConfigStore({ url: `postgres://sluice@127.0.0.1:${port}/postgres` }, { onWarning: (message) => warnings.push(message) })
    stores.push(store)
    return store
  }

  before(async () => {
    server = await startPostgres()
    direct = await open(server.port)
  })
  after(async () => {
    await server.kill('SIGCONT')
    await Promise.all(stores.map((store) => store.close()))
    await server.stop()
  })

  const newRelay = async () => new LossyRelay(await freePort(), `127.0.0.1:${server.port}`)

  /** A store whose first INSERT of a revision meets `fate`. */
  async function throughRelay(fate: () => Cut): Promise<{ store: ConfigStore; relay: LossyRelay }> {
    const relay = await newRelay()
    await relay.open()
    let isFirst = true
    relay.onPiece = (piece) => (isFirst && piece.includes('INSERT INTO config_revision') ? ((isFirst = false), fate()) : 'none')
    return { store: await open(relay.port), relay }
  }

  for (const cut of ['before', 'after'] as const) {
    test(`a commit whose connection ends ${cut} it is done is done once`, async () => {
      const { store, relay } = await throughRelay(() => cut)
      const scope = randomUUID()
      assert.deepEqual(await store.commit(commitOf(scope, 0)), { outcome: 'committed', revision: 1 })
      assert.deepEqual((await direct.list(scope, { limit: 5 })).map((record) => record.revision), [1])
      await relay.close()
    })
  }

  test('a commit whose connection ends while another writer is first is a conflict, and is not made', async () => {
    const scope = randomUUID()
    const other = commitOf(scope, 0)
    let first: Promise<unknown> = Promise.resolve()
    const { store, relay } = await throughRelay(() => ((first = direct.commit(other)), 'before'))
    assert.deepEqual(await store.commit(commitOf(scope, 0)), { outcome: 'conflict', head: 1 })
    await first
    assert.deepEqual((await direct.list(scope, { limit: 5 })).map((record) => record.changeId), [other.changeId])
    await relay.close()
  })

  test('a store made while PostgreSQL is away refuses calls at once, says why once, and works when it is there', async () => {
    const relay = await newRelay()
    const warnings: string[] = []
    const store = await open(relay.port, warnings)
    await assert.rejects(store.head('default'), unreachable)
    await assert.rejects(store.commit(commitOf('default', 0)), unreachable)
    await relay.open()
    assert.equal(await store.head(randomUUID()), undefined)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /PostgreSQL is not at hand.*ECONNREFUSED/)
    await relay.close()
    await assert.rejects(store.head('default'), unreachable)
    assert.equal(warnings.length, 2, 'the next outage is told, too')
  })

  test('a killed PostgreSQL is refused, and found again when it is back; a watcher misses nothing, nothing acknowledged is lost', async () => {
    const scope = randomUUID()
    const seen: number[] = []
    direct.watch(scope, (head) => void seen.push(head.revision))
    const kept = commitOf(scope, 0)
    await direct.commit(kept)
    await waitUntil(() => seen.length === 1)
    await server.kill('SIGKILL')
    await assert.rejects(direct.head(scope), unreachable)
    await assert.rejects(direct.commit(commitOf(scope, 1)), unreachable)
    await assert.rejects(direct.ping(), unreachable)
    await server.restart()
    assert.equal((await direct.head(scope))?.changeId, kept.changeId)
    for (const head of [1, 2, 3]) assert.deepEqual(await direct.commit(commitOf(scope, head)), { outcome: 'committed', revision: head + 1 })
    await waitUntil(() => seen.length === 4)
    assert.deepEqual(seen, [1, 2, 3, 4])
  })

  test('a restart in order is no failure for the call after it', async () => {
    await Promise.all(Array.from({ length: 10 }, () => direct.head(randomUUID())))
    await server.restart()
    assert.equal(await direct.head(randomUUID()), undefined)
  })

  test('while PostgreSQL is silent every call is refused in time, and all is well when it goes on', async () => {
    const scope = randomUUID()
    await direct.ping()
    await server.kill('SIGSTOP')
    try {
      const calls = [direct.head(scope), direct.commit(commitOf(scope, 0)), direct.edges(scope), direct.listAudit(scope, { limit: 1 })]
      for (const result of await Promise.allSettled(calls)) assert.equal(result.status === 'rejected' && result.reason.code, unreachable.code)
    } finally {
      await server.kill('SIGCONT')
    }
    await waitUntil(() => direct.ping().then(() => true, () => false))
    const head = (await direct.head(scope))?.revision ?? 0
    assert.equal((await direct.commit(commitOf(scope, head))).outcome, 'committed')
  })

  test('a commit that waits for somebody’s lock ends on the server as well', async () => {
    const scope = randomUUID()
    const holder = new pg.Client(server.url)
    await holder.connect()
    await holder.query('BEGIN')
    await holder.query('LOCK TABLE config_revision IN SHARE MODE')
    await assert.rejects(direct.commit(commitOf(scope, 0)), unreachable)
    await holder.query('COMMIT')
    const waiting = async () => Number((await holder.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice' AND state = 'active'")).rows[0].count)
    await waitUntil(async () => (await waiting()) === 0)
    assert.deepEqual(await direct.list(scope, { limit: 5 }), [])
    await holder.end()
  })
})
