import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client } from 'cassandra-driver'
import { missingServer, sharedServers, waitUntil } from '@sluice/testkit'
import { commitOf, testConfigStore } from '../config-store.contract.ts'
import { createCassandraConfigStore, type CassandraParts } from './cassandra.ts'
import type { CassandraSettings } from './schema.ts'

const { cassandra } = sharedServers()

if (cassandra === undefined) {
  describe('the cassandra config store', () => {
    test('all of it', { skip: missingServer('cassandra') }, () => {})
  })
} else {
  const keyspaces: string[] = []
  const settingsOf = (keyspace: string): CassandraSettings => ({ contactPoints: cassandra, localDatacenter: 'datacenter1', keyspace })
  const newKeyspace = () => {
    const keyspace = `test_${randomBytes(8).toString('hex')}`
    keyspaces.push(keyspace)
    return keyspace
  }
  const open = async (keyspace: string, parts: CassandraParts = {}) => {
    const store = await createCassandraConfigStore(settingsOf(keyspace), parts)
    await waitUntil(() => store.ping().then(() => true), { timeoutMs: 30_000 })
    return store
  }
  after(async () => {
    const client = new Client({ contactPoints: [cassandra], localDataCenter: 'datacenter1', socketOptions: { readTimeout: 30_000 } })
    for (const keyspace of keyspaces) await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
    await client.shutdown()
  })

  const keyspace = newKeyspace()
  testConfigStore('cassandra', { open: () => open(keyspace), openPeer: () => open(keyspace) })
}
