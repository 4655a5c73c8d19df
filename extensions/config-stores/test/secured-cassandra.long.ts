// Cassandra with TLS and logins, as it is really run.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeCertificate, startCassandra, waitUntil } from '@sluice/testkit'
import { openConfigStore } from '../index.ts'
import { commitOf } from '../config-store.contract.ts'

const patience = { timeoutMs: 120_000 }

test('a node that wants TLS and a login: who has both commits, through a kill of the node too; who lacks one is told why', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-cassandra-tls-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = makeCertificate({ subject: 'authority', isAuthority: true })
  const ca = join(directory, 'ca.pem')
  writeFileSync(ca, authority.cert)
  const node = await startCassandra({ secured: makeCertificate({ names: ['127.0.0.1'], issuer: authority }), config: { commitlog_sync: 'batch', commitlog_sync_period: undefined } })
  t.after(() => node.stop())
  const open = async (login: object) => {
    const warnings: string[] = []
    const store = await openConfigStore('cassandra', { contactPoints: node.contactPoint, localDatacenter: 'datacenter1', ...login }, { onWarning: (message) => void warnings.push(message) })
    t.after(() => store.close())
    return { store, warnings }
  }
  const { store } = await open({ user: 'cassandra', password: 'cassandra', ca })
  await waitUntil(() => store.ping().then(() => true, () => false), { ...patience, what: 'the login to be made by the node' })
  const scope = randomUUID()
  assert.deepEqual(await store.commit(commitOf(scope, 0)), { outcome: 'committed', revision: 1 })
  const lacking: [object, RegExp][] = [
    [{ user: 'cassandra', password: 'hunter2', ca }, /username and\/or password are incorrect|authentication/i],
    [{ ca }, /authenticat|credentials/i],
    [{ user: 'cassandra', password: 'cassandra' }, /./],
  ]
  for (const [login, said] of lacking) {
    const { store: refused, warnings } = await open(login)
    await assert.rejects(refused.ping(), { code: 'dependency.store_unreachable' })
    assert.match(warnings.join(), said)
    assert.doesNotMatch(warnings.join(), /hunter2/)
  }
  await node.kill()
  await assert.rejects(store.commit(commitOf(scope, 1)), { code: 'dependency.store_unreachable' })
  await node.restart()
  await waitUntil(() => store.ping().then(() => true, () => false), { ...patience, what: 'the node to be found again' })
  assert.deepEqual((await store.list(scope, { limit: 5 })).map((record) => record.revision), [1])
  assert.deepEqual(await store.commit(commitOf(scope, 1)), { outcome: 'committed', revision: 2 })
})
