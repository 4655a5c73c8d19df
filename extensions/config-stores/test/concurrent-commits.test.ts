// Eight writers that are killed in between, on each store; concurrent-commits.long.ts does the same at full length.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingServer, needServer, startPostgres } from '@sluice/testkit'
import { checkConcurrentCommits } from '../concurrent-commits.contract.ts'

test('embedded: of eight writers whose process is killed three times, all that was acknowledged is in one line', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-storm-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  await checkConcurrentCommits(t, { driver: 'embedded', settings: { directory }, processes: 1, commits: 200 })
})

test('postgres: of eight writers in two processes, killed three times and their server twice, all that was acknowledged is in one line', { skip: missingServer('postgres') }, async (t) => {
  const server = await startPostgres()
  t.after(() => server.stop())
  const killServer = async () => {
    await server.kill('SIGKILL')
    await server.restart()
  }
  await checkConcurrentCommits(t, { driver: 'postgres', settings: { url: server.url }, processes: 2, commits: 200, killServer })
})

test('cassandra: of eight writers in two processes, killed three times, all that was acknowledged is in one line', async (t) => {
  const contactPoints = needServer(t, 'cassandra')
  if (contactPoints === undefined) return
  await checkConcurrentCommits(t, { driver: 'cassandra', settings: { contactPoints, localDatacenter: 'datacenter1', keyspace: 'concurrent_commits' }, processes: 2, commits: 60 })
})
