// ST4: the distributed mode on servers as they are really run, each of which loses its first: three NATS servers, a Redis with a replica
// and sentinels, a PostgreSQL with a standby, all with passwords.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, freePorts, missingServer, primaryName, startNatsCluster, startPostgres, startSentinels, waitUntil } from '@sluice/testkit'
import { describeFailures, startTraffic } from './actors/steady-traffic.ts'
import { edgeOf, healthPath } from './modes/running-system.ts'
import { SluiceProcess } from './modes/sluice-process.ts'

const services = ['control', 'auth', 'edge'] as const
const limit = 2000

test('the first of the NATS servers, the Redis primary and the PostgreSQL primary are killed under load: no limit is forgotten, no revision lost, no request fails', { timeout: 300_000, skip: missingServer('postgres') }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-backing-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const nats = await startNatsCluster()
  t.after(() => Promise.all(nats.map((server) => server.stop())))
  const redis = await startSentinels({ password: 'counting', sentinelPassword: 'watching' })
  t.after(() => redis.stop())
  const primary = await startPostgres({ config: { synchronous_standby_names: '*' } })
  t.after(() => primary.stop())
  const standby = await startPostgres({ standbyOf: primary })
  t.after(() => standby.stop())

  const [adminPort = 0, http = 0, ...metricsPorts] = await freePorts(2 + services.length)
  const adminToken = randomBytes(24).toString('base64url')
  const backing = {
    SLUICE_NATS_URL: nats.map(({ url }) => url).join(','),
    SLUICE_REDIS_URL: redis.sentinels.map(({ url }) => url.replace('//', '//:counting@')).join(','),
    SLUICE_REDIS_SENTINEL: primaryName,
    SLUICE_REDIS_SENTINEL_PASSWORD: 'watching',
    SLUICE_STORE: 'postgres',
    SLUICE_POSTGRES_URL: [primary.url, standby.url].join(','),
  }
  const processes = services.map((name, index) => {
    const dataDirectory = join(directory, name)
    mkdirSync(dataDirectory)
    const own = { control: { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken }, edge: { SLUICE_EDGE_NAME: 'edge-1', SLUICE_WORKERS: '2' } }[name as string]
    const metricsUrl = `http://127.0.0.1:${metricsPorts[index]}`
    return new SluiceProcess(t, { name, args: ['service', name], env: { ...backing, SLUICE_DATA_DIR: dataDirectory, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metricsPorts[index]}`, ...own }, directory: dataDirectory, metricsUrl })
  })
  const [control, auth, edgeProcess] = processes as [SluiceProcess, SluiceProcess, SluiceProcess]
  await Promise.all([control.start(), auth.start()])
  const admin = (method: string, path: string, body?: unknown) =>
    fetchOnce(`http://127.0.0.1:${adminPort}${path}`, { method, timeoutMs: 20_000, headers: { authorization: `Bearer ${adminToken}`, ...(body !== undefined && { 'content-type': 'application/json' }) }, ...(body !== undefined && { body: JSON.stringify(body) }) })
  const put = await admin('PUT', '/v1/config', {
    version: 1,
    listeners: { http: { address: `127.0.0.1:${http}`, healthPath } },
    routes: [
      { name: 'open', match: { path: '/open' }, policies: [{ 'fixed-response': { status: 200 } }] },
      { name: 'limited', match: { path: '/limited' }, policies: [{ 'rate-limit': { algorithm: 'fixed-window', limit, windowSeconds: 8_640_000, key: 'route', mode: 'exact', failure: 'closed' } }, { 'fixed-response': { status: 200 } }] },
    ],
  })
  assert.equal(put.status, 200, put.body)
  await edgeProcess.start()
  const edge = edgeOf(edgeProcess, { name: 'edge-1', address: `127.0.0.1:${http}`, logDirectory: directory })

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
