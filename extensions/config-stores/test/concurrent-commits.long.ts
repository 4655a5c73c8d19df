// A thousand commits by eight writers on each store, writers killed three times and the server, where there is one, twice.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startCassandra, startPostgres, type CassandraServer, type PostgresServer } from '@sluice/testkit'
import { checkConcurrentCommits } from '../concurrent-commits.contract.ts'

const commits = 1000
const killed = (server: PostgresServer | CassandraServer) => async () => {
  await server.kill('SIGKILL')
  await server.restart()
}

test('embedded: a thousand commits, and none of them lost or twice', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-storm-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  await checkConcurrentCommits(t, { driver: 'embedded', settings: { directory }, processes: 1, commits })
})

test('postgres: a thousand commits while the server is killed twice, and none of them lost or twice', async (t) => {
  const server = await startPostgres()
  t.after(() => server.stop())
  await checkConcurrentCommits(t, { driver: 'postgres', settings: { url: server.url }, processes: 2, commits, killServer: killed(server) })
})

test('cassandra: a thousand commits while the node is killed twice, and none of them lost or twice', async (t) => {
  // Only what is in the commit log survives a kill; a test does not wait for its periodic sync.
  const server = await startCassandra({ config: { commitlog_sync: 'batch', commitlog_sync_period: undefined } })
  t.after(() => server.stop())
  const settings = { contactPoints: server.contactPoint, localDatacenter: server.datacenter }
  await checkConcurrentCommits(t, { driver: 'cassandra', settings, processes: 2, commits, killServer: killed(server) })
})
