// ST4: the distributed mode on servers as they are really run, each of which loses its first: three NATS servers, a Redis with a replica
// and sentinels, a PostgreSQL with a standby, all with passwords.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, makeCertificate, missingServer, primaryName, startNats, startNatsCluster, startPostgres, startRedis, startRedisCluster, startSentinels, startTlsRelay, waitUntil } from '@sluice/testkit'
import { describeFailures, startTraffic } from './actors/steady-traffic.ts'
import { startFewServices } from './modes/few-services.ts'
import type { Edge } from './modes/system.ts'

const limit = 2000
const limitedRoute = { name: 'limited', match: { path: '/limited' }, policies: [{ 'rate-limit': { algorithm: 'fixed-window', limit, windowSeconds: 8_640_000, key: 'route', mode: 'exact', failure: 'closed' } }, { 'fixed-response': { status: 200 } }] }

test('the first of the NATS servers, the Redis primary and the PostgreSQL primary are killed under load: no limit is forgotten, no revision lost, no request fails', { timeout: 300_000, skip: missingServer('postgres') }, async (t) => {
  const nats = await startNatsCluster()
  t.after(() => Promise.all(nats.map((server) => server.stop())))
  const redis = await startSentinels({ password: 'counting', sentinelPassword: 'watching' })
  t.after(() => redis.stop())
  const primary = await startPostgres({ config: { synchronous_standby_names: '*' } })
  t.after(() => primary.stop())
  const standby = await startPostgres({ standbyOf: primary })
  t.after(() => standby.stop())

  const backing = {
    SLUICE_NATS_URL: nats.map(({ url }) => url).join(','),
    SLUICE_REDIS_URL: redis.sentinels.map(({ url }) => url.replace('//', '//:counting@')).join(','),
    SLUICE_REDIS_SENTINEL: primaryName,
    SLUICE_REDIS_SENTINEL_PASSWORD: 'watching',
    SLUICE_STORE: 'postgres',
    SLUICE_POSTGRES_URL: [primary.url, standby.url].join(','),
  }
  const { admin, edges } = await startFewServices(t, backing, [{ name: 'auth' }], ['edge-1'], {
    routes: [{ name: 'open', match: { path: '/open' }, policies: [{ 'fixed-response': { status: 200 } }] }, limitedRoute],
  })
  const [edge] = edges as [Edge]

  const open = startTraffic(t, [edge], { path: '/open', clients: 2 })
  const limited = startTraffic(t, [edge], { path: '/limited' })
  const count = (status: number) => limited.outcomes.filter((outcome) => outcome.status === status).length
  const acknowledged = new Map<number, string>()
  let isWriting = true
  const writing = (async () => {
    for (let turn = 0; isWriting; turn++, await sleep(50)) {
      const answer = await admin('PUT', '/v1/routes/written', { match: { path: '/written' }, policies: [{ 'fixed-response': { status: 200, body: `turn ${turn}` } }] }).catch(() => undefined)
      if (answer !== undefined && answer.status < 300) acknowledged.set(answer.json<{ revision: number }>().revision, `turn ${turn}`)
    }
  })()
  const moreWrites = async (what: string) => {
    const before = acknowledged.size
    await waitUntil(() => acknowledged.size >= before + 5, { timeoutMs: 60_000, what: `changes to be acknowledged ${what}` })
  }
  await Promise.all([moreWrites('at the start'), waitUntil(() => count(200) > 100, { what: 'the limit to be spent' })])

  await nats[0]!.kill()
  await moreWrites('with a NATS server gone')
  await redis.primaries[0]!.kill()
  await waitUntil(() => count(503) > 0, { timeoutMs: 30_000, what: 'Redis to be missed' })
  const before = count(200) + count(429)
  await waitUntil(() => count(200) + count(429) > before + 20, { timeoutMs: 60_000, what: 'the replica to count' })
  await primary.kill()
  await standby.promote()
  await moreWrites('by the promoted standby')

  isWriting = false
  await writing
  const settled = await admin('PUT', '/v1/routes/last?wait=all&timeoutMs=15000', { match: { path: '/last' }, policies: [{ 'fixed-response': { status: 200, body: 'last' } }] })
  assert.equal(settled.status, 201, settled.body)
  assert.equal((await fetchOnce(`${edge.url}/last`)).body, 'last')
  const { items } = (await admin('GET', '/v1/revisions?limit=500')).json<{ items: { revision: number }[] }>()
  const line = items.map(({ revision }) => revision).toReversed()
  assert.deepEqual(line, line.map((_, index) => line[0]! + index), 'one line without a gap')
  for (const [revision, text] of [...acknowledged].slice(-40)) {
    const { body } = await admin('GET', `/v1/revisions/${revision}/diff`)
    assert.match(body, new RegExp(text), `revision ${revision} is the one that was acknowledged`)
  }

  await waitUntil(() => count(429) > 20, { timeoutMs: 120_000, what: `the limit to be reached; ${count(200)} of ${limit} so far` })
  await Promise.all([open.stop(), limited.stop()])
  assert.ok(count(200) <= limit + 4, `${count(200)} of a limit of ${limit}`)
  assert.deepEqual(new Set(limited.outcomes.map(({ status }) => status)), new Set([200, 429, 503]))
  assert.equal(open.failures.length, 0, describeFailures(open.failures))
})

test('limits are counted in a Redis Cluster of which a primary is killed, and over TLS as a user of an ACL', { timeout: 300_000, skip: missingServer('redis') }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-redis-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const nats = await startNats({ jetStream: false })
  t.after(() => nats.stop())
  const cluster = await startRedisCluster()
  t.after(() => cluster.stop())
  const guarded = await startRedis({ config: `user default off\nuser sluice on >secret ~sluice:* resetchannels -@all +hello +info +client|setname +client|setinfo +function|load +fcall +time +del +get +set +llen +lindex +ltrim +rpush +pexpire` })
  t.after(() => guarded.stop())
  const authority = makeCertificate({ subject: 'authority', isAuthority: true })
  writeFileSync(join(directory, 'ca.pem'), authority.cert)
  const tlsPort = await startTlsRelay(t, guarded.port, makeCertificate({ names: ['localhost'], issuer: authority }))

  const keyed = { ...limitedRoute, name: 'keyed', match: { path: '/keyed' }, policies: [{ 'rate-limit': { algorithm: 'fixed-window', limit: 3, windowSeconds: 8_640_000, key: 'header:x-key', mode: 'exact', failure: 'closed' } }, { 'fixed-response': { status: 200 } }] }
  const onCluster = await startFewServices(t, { SLUICE_NATS_URL: nats.url, SLUICE_REDIS_URL: cluster.primaries.map(({ url }) => url).join(','), SLUICE_REDIS_CLUSTER: '1' }, [], ['edge-1'], { routes: [keyed] })
  const ask = async (edge: Edge, key: string) => (await fetchOnce(`${edge.url}/keyed`, { headers: { 'x-key': key } })).status
  /** Until each key is refused; more are not admitted than the limit has. An answer of Redis that comes too late for its 20 ms may have been counted. */
  const spend = async (edge: Edge, keys: readonly string[]) => {
    for (const key of keys) {
      let admitted = 0
      await waitUntil(async () => {
        const status = await ask(edge, key)
        if (status === 200) admitted++
        return status === 429
      }, { timeoutMs: 60_000, everyMs: 20, what: `the limit of ${key} to be reached` })
      assert.ok(admitted <= 3, `${admitted} of 3 for ${key}`)
    }
  }
  const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`)
  const [edge] = onCluster.edges as [Edge]
  await spend(edge, keys)
  await cluster.primaries[0]!.kill()
  // Each key is known on the replica, too, and those of the other primaries all the time.
  for (const key of keys) await waitUntil(async () => (await ask(edge, key)) !== 503, { timeoutMs: 60_000, what: `${key} to be counted again` })
  assert.deepEqual(new Set(await Promise.all(keys.map((key) => ask(edge, key)))), new Set([429]))
  await spend(edge, ['another', 'and another', 'and one more'])

  const overTls = { SLUICE_NATS_URL: nats.url, SLUICE_REDIS_URL: `rediss://sluice:secret@localhost:${tlsPort}`, SLUICE_REDIS_CA: join(directory, 'ca.pem') }
  await edge.process.stop()
  await onCluster.process('control').stop()
  const guardedSystem = await startFewServices(t, overTls, [{ name: 'ratelimit' }], ['edge-1'], { routes: [keyed] })
  await spend(guardedSystem.edges[0]!, ['over-tls'])
})
