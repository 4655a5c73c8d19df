// Cassandra in two datacenters, and in three: what goes on and what is refused while one of them is killed.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startCassandra, waitUntil, type CassandraServer } from '@sluice/testkit'
import { openConfigStore, type ConfigStore } from '../index.ts'
import { commitOf } from '../config-store.contract.ts'

const unreachable = { code: 'dependency.store_unreachable' }
// Only what is in the commit log survives a kill.
const config = { commitlog_sync: 'batch', commitlog_sync_period: undefined }

let nodes: CassandraServer[] = []
const stores: ConfigStore[] = []

async function open(node: CassandraServer, keyspace: string, replication: string): Promise<ConfigStore> {
  const store = await openConfigStore('cassandra', { contactPoints: node.contactPoint, localDatacenter: node.datacenter, keyspace, replication })
  stores.push(store)
  await waitUntil(() => store.ping().then(() => true, () => false), { timeoutMs: 120_000, what: `the store of ${node.datacenter}` })
  return store
}

/** Commits with the same id until the outcome is known, as control does. */
async function commitForSure(store: ConfigStore, commit: ReturnType<typeof commitOf>): Promise<unknown> {
  let outcome: unknown
  await waitUntil(async () => (outcome = await store.commit(commit).catch(() => undefined)) !== undefined, { timeoutMs: 120_000, what: 'a commit' })
  return outcome
}

const lineOf = async (store: ConfigStore) => (await store.list('default', { limit: 100 })).map((record) => record.revision).toReversed()
const line = (length: number) => Array.from({ length }, (_, index) => index + 1)

before(async () => {
  const first = await startCassandra({ host: '127.0.0.1', datacenter: 'dc1', config })
  nodes = [first]
  for (const [host, datacenter] of [['127.0.0.2', 'dc2'], ['127.0.0.3', 'dc3']] as const) nodes.push(await startCassandra({ host, datacenter, joins: first, port: first.port, config }))
})

after(async () => {
  await Promise.all(stores.map((store) => store.close()))
  await Promise.all(nodes.map((node) => node.stop()))
})

describe('configuration in two datacenters of Cassandra', () => {
  const replication = 'dc1:1,dc2:1'

  test('what one commits the other sees, and both make one line', async () => {
    const [here, there] = [await open(nodes[0]!, 'two', replication), await open(nodes[1]!, 'two', replication)]
    const seen: number[] = []
    there.watch('default', (head) => void seen.push(head.revision))
    for (let head = 0; head < 6; head++) assert.deepEqual(await commitForSure(head % 2 ? there : here, commitOf('default', head)), { outcome: 'committed', revision: head + 1 })
    await waitUntil(() => seen.at(-1) === 6, { timeoutMs: 20_000 })
    assert.deepEqual([await lineOf(here), await lineOf(there)], [line(6), line(6)])
  })

  test('with one of them killed the other reads on and commits are refused in time; with it back the line goes on, none lost, none twice', async () => {
    const here = await open(nodes[0]!, 'two', replication)
    await nodes[1]!.kill('SIGKILL')
    const waiting = commitOf('default', 6)
    await assert.rejects(here.commit(waiting), unreachable)
    await assert.rejects(here.commit(commitOf('default', 6)), unreachable)
    assert.deepEqual(await lineOf(here), line(6), 'configuration is read from the datacenter that is left')
    assert.equal(Buffer.from((await here.read('default', 6))?.body ?? []).toString(), 'content 6 of default')
    await nodes[1]!.restart()
    const outcome = (await commitForSure(here, waiting)) as { outcome: string; head?: number }
    const head = outcome.outcome === 'committed' ? 7 : outcome.head!
    assert.deepEqual(await commitForSure(here, commitOf('default', head)), { outcome: 'committed', revision: head + 1 })
    const there = await open(nodes[1]!, 'two', replication)
    await waitUntil(async () => (await lineOf(there)).length === head + 1, { timeoutMs: 60_000, what: 'the line in the datacenter that was away' })
    const [mine, theirs] = [await here.list('default', { limit: 100 }), await there.list('default', { limit: 100 })]
    assert.deepEqual(mine, theirs)
    assert.deepEqual(mine.map((record) => record.revision).toReversed(), line(head + 1))
    assert.equal(new Set(mine.map((record) => record.changeId)).size, mine.length)
  })
})

describe('configuration in three datacenters of Cassandra', () => {
  test('with one of them killed commits go on in both others, and it catches up when it is back', async () => {
    const replication = 'dc1:1,dc2:1,dc3:1'
    const [first, second] = [await open(nodes[0]!, 'three', replication), await open(nodes[1]!, 'three', replication)]
    assert.deepEqual(await commitForSure(first, commitOf('default', 0)), { outcome: 'committed', revision: 1 })
    await nodes[2]!.kill('SIGKILL')
    for (let head = 1; head < 5; head++) assert.deepEqual(await commitForSure(head % 2 ? second : first, commitOf('default', head)), { outcome: 'committed', revision: head + 1 })
    await nodes[2]!.restart()
    const third = await open(nodes[2]!, 'three', replication)
    assert.deepEqual(await commitForSure(third, commitOf('default', 5)), { outcome: 'committed', revision: 6 })
    await waitUntil(async () => (await lineOf(third)).length === 6, { timeoutMs: 60_000, what: 'the line in the datacenter that was away' })
    assert.deepEqual(await lineOf(third), line(6))
  })
})
