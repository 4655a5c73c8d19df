// PostgreSQL as it is really run: over TLS, and as a primary with a standby that takes its place.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import pg from 'pg'
import { makeCertificate, missingServer, startPostgres, waitUntil, type PostgresServer } from '@sluice/testkit'
import { checkConcurrentCommits } from '../concurrent-commits.contract.ts'
import type { ConfigStore } from '../config-store.ts'
import { commitOf } from '../config-store.contract.ts'
import { createPostgresConfigStore } from './postgres.ts'

const skip = missingServer('postgres')

async function openStore(t: TestContext, url: string | string[], warnings: string[] = []): Promise<ConfigStore> {
  const store = await createPostgresConfigStore({ url }, { onWarning: (message) => void warnings.push(message) })
  t.after(() => store.close())
  return store
}

/** A primary that answers a commit once its standby has it, too. */
async function startPair(t: TestContext): Promise<{ primary: PostgresServer; standby: PostgresServer }> {
  const primary = await startPostgres({ config: { synchronous_standby_names: '*' } })
  t.after(() => primary.stop())
  const standby = await startPostgres({ standbyOf: primary })
  t.after(() => standby.stop())
  return { primary, standby }
}

describe('PostgreSQL as it is really run', { skip, concurrency: false }, () => {
  test('over TLS, by the name in its certificate; a server that somebody else vouches for is not used', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-postgres-tls-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const authority = makeCertificate({ subject: 'authority', isAuthority: true })
    const server = await startPostgres({ tls: makeCertificate({ names: ['localhost'], issuer: authority }) })
    t.after(() => server.stop())
    const [ca, other] = ['ca.pem', 'other.pem'].map((name) => join(directory, name)) as [string, string]
    writeFileSync(ca, authority.cert)
    writeFileSync(other, makeCertificate({ subject: 'somebody else', isAuthority: true }).cert)
    const url = (host: string, file: string) => `postgres://sluice@${host}:${server.port}/postgres?sslmode=verify-full&sslrootcert=${encodeURIComponent(file)}`
    const store = await openStore(t, url('localhost', ca))
    assert.deepEqual(await store.commit(commitOf(randomUUID(), 0)), { outcome: 'committed', revision: 1 })
    const client = new pg.Client(server.url)
    await client.connect()
    const { rows } = await client.query<{ ssl: boolean }>("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'sluice'")
    await client.end()
    assert.ok(rows.length > 0 && rows.every(({ ssl }) => ssl))
    for (const [host, file, said] of [['localhost', other, /certificate/i], ['127.0.0.1', ca, /altnames|does not match/i]] as const) {
      const warnings: string[] = []
      const refused = await openStore(t, url(host, file), warnings)
      await assert.rejects(refused.ping(), { code: 'dependency.store_unreachable' })
      assert.match(warnings.join(), said)
    }
  })

  test('of a primary and a standby the primary is found, whatever their order', async (t) => {
    const { primary, standby } = await startPair(t)
    const scope = randomUUID()
    for (const [index, url] of [[standby.url, primary.url], [primary.url, standby.url]].entries()) {
      assert.deepEqual(await (await openStore(t, url)).commit(commitOf(scope, index)), { outcome: 'committed', revision: index + 1 })
    }
  })

  test('the primary is killed under eight writers and its standby promoted: all that was acknowledged is in one line', async (t) => {
    const { primary, standby } = await startPair(t)
    let failovers = 0
    const killServer = async () => {
      if (failovers++ > 0) return
      await primary.kill()
      await standby.promote()
    }
    await checkConcurrentCommits(t, { driver: 'postgres', settings: { url: [primary.url, standby.url] }, processes: 2, commits: 120, killServer })
    assert.ok(failovers > 0)
  })

  test('a primary that hangs is left for the standby that was promoted in its place', async (t) => {
    const { primary, standby } = await startPair(t)
    t.after(() => primary.kill('SIGCONT'))
    const store = await openStore(t, [primary.url, standby.url])
    const scope = randomUUID()
    assert.deepEqual(await store.commit(commitOf(scope, 0)), { outcome: 'committed', revision: 1 })
    await primary.kill('SIGSTOP')
    await standby.promote()
    await waitUntil(() => store.ping().then(() => true, () => false), { timeoutMs: 60_000, what: 'the promoted standby to be used' })
    assert.deepEqual(await store.commit(commitOf(scope, 1)), { outcome: 'committed', revision: 2 })
  })
})
