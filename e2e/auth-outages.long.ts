// The rows of the failure matrix that name auth and its issuer, for as long as they say: auth killed, auth that hangs, and what each route
// is set to do while nothing is heard of revocations. SLUICE_OUTAGE_SECONDS [300] is how long auth is down.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { echo, fetchOnce, missingServer, startPostgres, startUpstream, waitUntil } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from './actors/consumers.ts'
import { makeKey, mint } from './actors/signing-keys.ts'
import { describeFailures, startTraffic, type SteadyTraffic } from './actors/steady-traffic.ts'
import { startDistributed } from './modes/distributed.ts'
import type { System } from './modes/system.ts'

const outageMs = (Number(process.env.SLUICE_OUTAGE_SECONDS) || 300) * 1000
const consumer = 'outage'
/** After which a route that is set so refuses, and how much later that may be seen on a busy machine. */
const blindMs = 30_000
const patienceMs = 15_000
/** Of a key or token that is at hand; the pipeline itself takes a millisecond. */
const mostMs = 2000

interface Scene {
  readonly system: System
  readonly key: string
  readonly token: string
  readonly signing: ReturnType<typeof makeKey>
}

async function prepare(t: TestContext): Promise<Scene> {
  const server = await startPostgres()
  t.after(() => server.stop())
  const system = await startDistributed(t, { kind: 'postgres', address: `127.0.0.1:${server.port}` })
  const upstream = await startUpstream(t, echo())
  const signing = makeKey('ES256')
  const jwt = { keys: [signing.configured] }
  await system.apply({
    upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
    routes: [
      { name: 'token', match: { path: '/token' }, upstream: 'echo', policies: [{ jwt }] },
      { name: 'goes-on', match: { path: '/goes-on' }, upstream: 'echo', policies: [{ 'key-auth': {} }] },
      { name: 'refuses', match: { path: '/refuses' }, upstream: 'echo', policies: [{ 'key-auth': { whenBlind: 'refuse' } }] },
    ],
  })
  await makeConsumer(system, consumer)
  const { key } = await makeKeyOf(system, consumer)
  return { system, key, token: mint(signing, { sub: consumer }), signing }
}

const statusOf = async (url: string, path: string, key: string) => (await fetchOnce(url, { path, ...withKey(key) })).status

/** Traffic by key and by token that every worker has met. */
async function trafficOf(t: TestContext, { system, key, token }: Scene): Promise<SteadyTraffic[]> {
  const clients = { clients: 2 }
  const all = [startTraffic(t, system.edges, { path: '/goes-on', ...withKey(key), ...clients }), startTraffic(t, system.edges, { path: '/token', headers: { authorization: `Bearer ${token}` }, ...clients })]
  await Promise.all(all.map((one) => one.more(50)))
  for (const edge of system.edges) for (let round = 0; round < 8; round++) assert.equal(await statusOf(edge.url, '/refuses', key), 200)
  return all
}

function checkClean(all: readonly SteadyTraffic[]): void {
  for (const traffic of all) {
    assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    const slowest = traffic.outcomes.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b)
    const p99 = slowest[Math.floor(slowest.length * 0.99)] ?? NaN
    assert.ok(p99 < mostMs, `p99 ${p99} ms of ${slowest.length}`)
  }
}

test('auth is away', { skip: missingServer('postgres') }, async (t) => {
  const scene = await prepare(t)
  const { system, key, signing } = scene
  const auth = system.services.get('auth')!
  const urls = system.edges.map(({ url }) => url)

  await t.test('it hangs: what is known goes on, routes that are set so refuse after 30 s, and all is well once it goes on', async (inner) => {
    const traffic = await trafficOf(inner, scene)
    process.kill(auth.pid, 'SIGSTOP')
    inner.after(() => process.kill(auth.pid, 'SIGCONT'))
    const from = performance.now()
    for (const url of urls) await waitUntil(async () => (await statusOf(url, '/refuses', key)) === 503, { timeoutMs: blindMs + patienceMs, what: 'the route to refuse' })
    inner.diagnostic(`refused ${Math.round((performance.now() - from) / 1000)} s after auth was stopped`)
    process.kill(auth.pid, 'SIGCONT')
    for (const url of urls) await waitUntil(async () => (await statusOf(url, '/refuses', key)) === 200, { timeoutMs: patienceMs, what: 'the route to let in again' })
    await Promise.all(traffic.map((one) => one.stop()))
    checkClean(traffic)
  })

  await t.test(`it is killed, for ${outageMs / 1000} s: what is known goes on, what is not is 503, and then counts again within seconds`, async (inner) => {
    const traffic = await trafficOf(inner, scene)
    const other = await makeKeyOf(system, consumer)
    await auth.kill()
    inner.after(async () => void (auth.isRunning || (await auth.start())))
    const until = performance.now() + outageMs
    while (performance.now() < until) {
      for (const url of urls) {
        assert.equal(await statusOf(url, '/goes-on', other.key), 503)
        assert.equal((await fetchOnce(url, { path: '/token', headers: { authorization: `Bearer ${mint(signing, { sub: 'somebody' })}` } })).status, 200)
      }
      await sleep(Math.min(1000, until - performance.now()))
    }
    await auth.start()
    for (const url of urls) await waitUntil(async () => (await statusOf(url, '/goes-on', other.key)) === 200, { timeoutMs: patienceMs, what: 'the other key to be let in' })
    assert.equal((await system.admin('DELETE', `/v1/consumers/${consumer}/credentials/${other.id}?wait=all`)).status, 200)
    for (const url of urls) await waitUntil(async () => (await statusOf(url, '/goes-on', other.key)) === 401, { timeoutMs: patienceMs, what: 'the key to be refused' })
    await Promise.all(traffic.map((one) => one.stop()))
    checkClean(traffic)
  })
})
