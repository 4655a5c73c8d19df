// ST4: the distributed mode on a Cassandra that wants TLS and a login, which is killed under load
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fetchOnce, makeCertificate, startCassandra, startNats, startRedis, waitUntil } from '@sluice/testkit'
import { describeFailures, startTraffic } from './actors/steady-traffic.ts'
import { startFewServices } from './modes/few-services.ts'

test('configuration and keys are kept in a Cassandra with TLS and a login: while it is killed requests go on and changes are refused, and what was acknowledged is there afterwards', { timeout: 600_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-cassandra-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = makeCertificate({ subject: 'authority', isAuthority: true })
  writeFileSync(join(directory, 'ca.pem'), authority.cert)
  // Only what is in the commit log survives a kill.
  const cassandra = await startCassandra({ secured: makeCertificate({ names: ['127.0.0.1'], issuer: authority }), config: { commitlog_sync: 'batch', commitlog_sync_period: undefined } })
  t.after(() => cassandra.stop())
  const [nats, redis] = await Promise.all([startNats({ jetStream: false }), startRedis()])
  t.after(async () => void (await Promise.all([nats.stop(), redis.stop()])))
  const shared = {
    SLUICE_NATS_URL: nats.url,
    SLUICE_REDIS_URL: redis.url,
    SLUICE_STORE: 'cassandra',
    SLUICE_CASSANDRA_CONTACT_POINTS: cassandra.contactPoint,
    SLUICE_CASSANDRA_DATACENTER: 'datacenter1',
    SLUICE_CASSANDRA_USER: 'cassandra',
    SLUICE_CASSANDRA_PASSWORD: 'cassandra',
    SLUICE_CASSANDRA_CA: join(directory, 'ca.pem'),
  }
  const { admin, edges, process } = await startFewServices(t, shared, [{ name: 'auth' }], ['edge-1'], {
    routes: [{ name: 'kept', match: { path: '/kept' }, policies: [{ 'key-auth': {} }, { 'fixed-response': { body: 'kept' } }] }],
    consumers: [{ name: 'acme' }],
  })
  const edge = edges[0]!
  const made = await admin('POST', '/v1/consumers/acme/credentials?wait=all', { apiKey: {} })
  assert.equal(made.status, 201, made.body)
  const headers = { 'x-api-key': made.json<{ key: string }>().key }
  const traffic = startTraffic(t, [edge], { path: '/kept', headers })
  await traffic.more(20)
  const change = (turn: number) => admin('PUT', '/v1/routes/changed?wait=all&timeoutMs=10000', { match: { path: '/changed' }, policies: [{ 'fixed-response': { body: `turn ${turn}` } }] })
  const before = await change(1)
  assert.equal(before.status, 201, before.body)

  await cassandra.kill()
  assert.equal((await change(2)).status, 503)
  await traffic.more(50)
  await cassandra.restart()
  const again: string[] = []
  const isChanged = async () => {
    const { status, body } = await change(3)
    again.push(`${status} ${body}`)
    return status === 200
  }
  await waitUntil(isChanged, { timeoutMs: 240_000, what: 'a change to be taken' }).catch((error: Error) => assert.fail(`${error.message}; the last answers: ${again.slice(-2).join(' ')}`))
  assert.equal((await fetchOnce(`${edge.url}/changed`)).body, 'turn 3')
  await waitUntil(async () => (await admin('GET', '/v1/consumers/acme')).status === 200, { timeoutMs: 60_000, what: 'auth to read again' })
  const { items } = (await admin('GET', '/v1/revisions?limit=100')).json<{ items: { revision: number }[] }>()
  assert.ok(items.some(({ revision }) => revision === before.json<{ revision: number }>().revision))
  assert.deepEqual(items.map(({ revision }) => revision), items.map((_, index) => items[0]!.revision - index))
  await traffic.stop()
  assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
  for (const name of ['control', 'auth']) assert.doesNotMatch(process(name).output(), /"password":"cassandra"/)
})
