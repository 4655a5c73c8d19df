// AD3: a change is tried on one edge under traffic; one that does harm is taken back by itself and never reaches the other edge.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, freePorts, startNats, startRedis, waitUntil } from '@sluice/testkit'
import { runSluice, SluiceProcess } from './modes/sluice-process.ts'

const names = ['edge-1', 'edge-2'] as const

/** What each edge has answered to a request now and then. */
class Traffic {
  readonly statuses = new Map<string, Map<number, number>>(names.map((name) => [name, new Map()]))

  private readonly gate = new AbortController()
  private readonly running: Promise<void[]>

  constructor(t: TestContext, urls: readonly string[]) {
    const lanes = urls.map(async (url, index) => {
      while (!this.gate.signal.aborted) {
        const { status } = await fetchOnce(`${url}/shop`)
        const counts = this.statuses.get(names[index]!)!
        counts.set(status, (counts.get(status) ?? 0) + 1)
        await sleep(10, undefined, { ref: false })
      }
    })
    this.running = Promise.all(lanes)
    t.after(() => this.gate.abort())
  }

  /** Before the edges end, which answer nobody any more then. */
  async stop(): Promise<void> {
    this.gate.abort()
    await this.running
  }

  count(name: string, status: number): number {
    return this.statuses.get(name)!.get(status) ?? 0
  }
}

test('a change is tried on one edge first; errors there take it back, and the other edge never served it', { timeout: 180_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-rings-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [nats, redis] = await Promise.all([startNats({ jetStream: false }), startRedis()])
  t.after(async () => void (await Promise.all([nats.stop(), redis.stop()])))
  const [adminPort = 0, firstPort = 0, secondPort = 0, ...metricsPorts] = await freePorts(6)
  const adminToken = randomBytes(24).toString('base64url')
  const service = (name: string, kind: string, metricsPort: number, own: Record<string, string>) => {
    const data = join(directory, name)
    mkdirSync(data)
    return new SluiceProcess(t, { name, args: ['service', kind], env: { SLUICE_DATA_DIR: data, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metricsPort}`, SLUICE_NATS_URL: nats.url, SLUICE_REDIS_URL: redis.url, ...own }, directory: data, metricsUrl: `http://127.0.0.1:${metricsPort}` })
  }
  const control = service('control', 'control', metricsPorts[0]!, { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken })
  const edges = names.map((name, index) => service(name, 'edge', metricsPorts[index + 1]!, { SLUICE_EDGE_NAME: name, SLUICE_WORKERS: '1', SLUICE_LISTEN_HTTP: `127.0.0.1:${[firstPort, secondPort][index]}` }))
  await control.start()
  const sluice = async (...args: string[]) => {
    const done = await runSluice(t, args, { cwd: directory, env: { SLUICE_ADMIN_URL: `http://127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken } })
    assert.equal(done.code, 0, done.stderr + done.stdout)
    return done.stdout
  }
  const file = join(directory, 'gateway.json')
  const apply = (status: number, ...args: string[]) => {
    writeFileSync(file, JSON.stringify({ version: 1, listeners: { http: { address: `127.0.0.1:${firstPort}` } }, rollout: { rings: [{ edges: 1 }], soakSeconds: 5, gates: { minimumRequests: 30, p99Factor: 1000 } }, routes: [{ name: 'shop', match: { path: '/shop' }, policies: [{ 'fixed-response': { status } }] }] }))
    return sluice('apply', '-c', file, '--wait', ...args)
  }
  await apply(200)
  await Promise.all(edges.map((edge) => edge.start()))
  const traffic = new Traffic(t, [firstPort, secondPort].map((port) => `http://127.0.0.1:${port}`))
  const history = async () => (JSON.parse(await sluice('revisions', '--json')) as { items: { revision: number; note: string; author: string }[] }).items

  const told = await apply(500)
  const [, poison = '', ring = '', stable = ''] = /revision (\d+), tried on (edge-\d) first; the others run (\d+): 1\/1 edges effective/.exec(told) ?? []
  assert.ok(poison !== '', told)
  const other = names.find((name) => name !== ring)!
  const taken = await waitUntil(async () => (await history()).find(({ note }) => note.startsWith('back to revision')), { timeoutMs: 40_000, everyMs: 200, what: 'the step back' })
  assert.match(taken.note, new RegExp(`^back to revision ${stable}: [\\d.]+ % of \\d+ requests were answered with 500 or more, 0\\.0 % on the other edges$`))
  assert.deepEqual([taken.revision, taken.author], [Number(poison) + 1, 'control'])
  assert.ok(traffic.count(ring, 500) > 0)
  assert.equal(traffic.count(other, 500), 0)
  const after = traffic.count(ring, 200)
  await waitUntil(() => traffic.count(ring, 200) > after, { timeoutMs: 20_000, what: `${ring} to serve the content before` })

  // What does no harm is watched for its five seconds whole; harm ends it as soon as it is seen.
  const watched = waitUntil(async () => /^rollout   ring 1 of 1 \(edge-\d\) tries \d+/m.test(await sluice('status')), { timeoutMs: 40_000, everyMs: 100, what: 'the ring to be told' })
  assert.match(await apply(201), /tried on edge-\d first/)
  await watched
  await waitUntil(() => names.every((name) => traffic.count(name, 201) > 0), { timeoutMs: 40_000, what: 'the good change on both edges' })
  assert.match((await history())[0]!.note, /^revision \d+ to every edge: 1 ran it well for 5 s$/)
  assert.match(await apply(202, '--everywhere'), /revision \d+: 2\/2 edges effective/)
  assert.equal(traffic.count(other, 500), 0)
  await traffic.stop()
})
