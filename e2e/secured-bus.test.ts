// The distributed mode on a bus that `sluice bus init` has set up: everything works, and nobody may do more than that.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { busNamed } from '@sluice/buses'
import { ConfigServing } from '@sluice/buses/config-feed'
import { SegmentedConfig } from '@sluice/proto/config'
import { subjects } from '@sluice/proto/subjects'
import { answer, fetchOnce, freePorts, startNats, startRedis, startUpstream, waitUntil } from '@sluice/testkit'
import { readMetrics, sum } from './actors/metrics.ts'
import { runSluice, SluiceProcess } from './modes/sluice-process.ts'

const services = ['control', 'auth', 'ratelimit', 'discovery', 'analytics', 'edge'] as const

test('on a bus with permissions all services do their work, and who holds the bus cannot forge a revision', { timeout: 240_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-secured-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [natsPort = 0, adminPort = 0, http = 0, ...metricsPorts] = await freePorts(3 + services.length)
  const out = join(directory, 'bus')
  const made = await runSluice(t, ['bus', 'init', '--out', out, '--listen', `127.0.0.1:${natsPort}`], { cwd: directory })
  assert.equal(made.code, 0, made.stderr)
  const [nats, redis] = await Promise.all([startNats({ port: natsPort, jetStream: false, config: readFileSync(join(out, 'nats-server.conf'), 'utf8') }), startRedis()])
  t.after(async () => void (await Promise.all([nats.stop(), redis.stop()])))
  const adminToken = randomBytes(24).toString('base64url')
  const processes = new Map(services.map((name, index) => {
    const dataDirectory = join(directory, name)
    mkdirSync(dataDirectory)
    const own = {
      control: { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken, SLUICE_CONFIG_SIGNING_KEY: join(out, 'config-signing-key.pem') },
      edge: { SLUICE_EDGE_NAME: 'edge-1', SLUICE_WORKERS: '1', SLUICE_CONFIG_VERIFY_KEYS: join(out, 'config-verify-keys.pem') },
      discovery: { SLUICE_CONFIG_VERIFY_KEYS: join(out, 'config-verify-keys.pem') },
    }[name as string]
    const env = { SLUICE_DATA_DIR: dataDirectory, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metricsPorts[index]}`, SLUICE_NATS_URL: `tls://localhost:${natsPort}`, SLUICE_NATS_CA: join(out, 'ca.pem'), SLUICE_NATS_CREDS: join(out, `${name}.creds`), SLUICE_REDIS_URL: redis.url, ...own }
    return [name, new SluiceProcess(t, { name, args: ['service', name], env, directory: dataDirectory, metricsUrl: `http://127.0.0.1:${metricsPorts[index]}` })] as const
  }))
  await Promise.all(services.filter((name) => name !== 'edge').map((name) => processes.get(name)!.start()))
  const admin = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetchOnce(`http://127.0.0.1:${adminPort}${path}`, { method, timeoutMs: 30_000, headers: { authorization: `Bearer ${adminToken}`, ...(body !== undefined && { 'content-type': 'application/json' }) }, ...(body !== undefined && { body: JSON.stringify(body) }) })
    assert.ok(response.status < 300 && response.status !== 202, `${method} ${path}: ${response.status} ${response.body}`)
    return response.json<T>()
  }
  const upstream = await startUpstream(t, answer(200, 'served'))
  const route = (name: string, policies: object[]) => ({ name, match: { path: `/${name}` }, upstream: 'u', policies })
  await admin('PUT', '/v1/config', {
    version: 1,
    listeners: { http: { address: `127.0.0.1:${http}` } },
    upstreams: { u: { endpoints: [{ url: upstream.url }], health: { active: { path: '/', intervalSeconds: 1 } } }, registered: { discovery: { source: 'registration', service: 'things' } } },
    routes: [route('open', []), route('keyed', [{ 'key-auth': {} }, { 'rate-limit': { limit: 100, key: 'consumer', mode: 'exact' } }]), { name: 'things', match: { path: '/things' }, upstream: 'registered' }],
    consumers: [{ name: 'acme' }],
  })
  await processes.get('edge')!.start()
  const { key } = await admin<{ key: string }>('POST', '/v1/consumers/acme/credentials?wait=all', { apiKey: {} })
  const ask = (path: string, headers = {}) => fetchOnce(`http://127.0.0.1:${http}${path}`, { headers })
  assert.deepEqual([(await ask('/open')).status, (await ask('/keyed')).status, (await ask('/keyed', { 'x-api-key': key })).status], [200, 401, 200])
  const { edges } = await admin<{ edges: { acknowledged: number; expected: number } }>('PUT', '/v1/routes/open?wait=all', { match: { path: '/open' }, policies: [{ 'fixed-response': { status: 201 } }] })
  assert.deepEqual([edges.acknowledged, edges.expected, (await ask('/open')).status], [1, 1, 201])
  await admin('PUT', '/v1/endpoints/things/one', { address: '127.0.0.1', port: Number(new URL(upstream.url).port) })
  await waitUntil(async () => (await ask('/things')).status === 200, { timeoutMs: 20_000, what: 'a registered endpoint to be used' })
  await waitUntil(async () => (await admin<{ items: { consumer: string; requests: number }[] }>('GET', '/v1/usage')).items.some(({ consumer, requests }) => consumer === 'acme' && requests === 1), { timeoutMs: 30_000, what: 'usage to be counted' })
  const { createNatsBus } = await busNamed('nats').load()
  const joinAs = async (user: string) => {
    const bus = createNatsBus({ urls: [`tls://localhost:${natsPort}`], caFile: join(out, 'ca.pem'), credsFile: join(out, `${user}.creds`), inbox: `_INBOX.${user}` })
    t.after(() => bus.drain(500))
    await waitUntil(() => bus.status === 'connected')
    return bus
  }
  const purged = await (await joinAs('backend')).request(subjects.cacheEvent('default'), Buffer.from('{"tags":["products"]}'), { timeoutMs: 10_000 })
  assert.deepEqual(JSON.parse(Buffer.from(purged).toString()), { edges: { acknowledged: 1, expected: 1, missing: [] } })
  const said = () => [...processes.values()].map((one) => one.output()).join('')
  assert.doesNotMatch(said(), /permissions violation/i)

  // Somebody has control's credentials on the bus, and not its key.
  const thief = await joinAs('control')
  const forged = { revision: 99, config: SegmentedConfig.of([['listeners', { http: { address: `127.0.0.1:${http}` } }]]), forcedRevision: 99 }
  const before = await refusedAt(processes.get('edge')!)
  new ConfigServing({ scope: 'default', head: async () => forged, recent: () => undefined }).announce(thief, forged, undefined)
  await thief.flush()
  await waitUntil(async () => (await refusedAt(processes.get('edge')!)) > before, { what: 'the forged revision to be counted' })
  assert.equal((await ask('/open')).status, 201)
})

const refusedAt = async (edge: SluiceProcess): Promise<number> => sum(await readMetrics(edge.metricsUrl), 'sluice_config_refused_total', { reason: 'signature' })
