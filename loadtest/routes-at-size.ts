/**
 * `npm run bench:routes`: what a number of routes costs one worker: taking them in, changing one, looking one up, memory;
 * and how long an edge of one worker takes from its start to serving them from its disk, with nothing else running.
 * `--counts 1,100,10000,100000`, `--changes N` [200]. A hundred routes stand on each host.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { balancers } from '../extensions/balancers/index.ts'
import { HeaderFields } from '../packages/http/src/index.ts'
import { createLogger, systemClock } from '../packages/service-kit/src/index.ts'
import { freePorts } from '../packages/testkit/src/free-port.ts'
import { entitiesOf, lineOf, SegmentedConfig } from '../proto/config/index.ts'
import { UpstreamRegistry } from '../services/edge/src/balancer/upstream-registry.ts'
import { SnapshotCompiler } from '../services/edge/src/compile-snapshot.ts'
import type { CompiledSnapshot } from '../services/edge/src/compiled-snapshot.ts'
import { loadPolicies } from '../services/edge/src/policy-chain/compile-chain.ts'
import { SnapshotDisk } from '../services/edge/src/snapshot/snapshot-disk.ts'
import { usageOfTree } from './bench/process-tree.ts'
import { manyRoutes } from './propagation/many-routes.ts'

const { values } = parseArgs({ options: { counts: { type: 'string', default: '1,100,10000,100000' }, changes: { type: 'string', default: '200' }, only: { type: 'string' } } })

/** Each size in a process of its own, so that one's garbage is not the next one's. */
async function main(): Promise<void> {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; Node ${process.version}; ms of CPU but for the start of an edge\n`)
  console.log('| routes | text MB | taken in | heap MB | one changed, mean / p99 | longest turn of the loop | 1000 changed | longest turn | look-up ns | start from disk, wall | its CPU | RSS MB, agent + worker |')
  console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const count of values.counts.split(',')) {
    const child = spawn(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), '--only', count, '--changes', values.changes], { stdio: ['ignore', 'inherit', 'inherit'] })
    await new Promise((resolve) => child.once('exit', resolve))
  }
}

async function measure(count: number): Promise<void> {
  const { upstreams, routes } = manyRoutes(count)
  const config = SegmentedConfig.of(entitiesOf({ version: 1, listeners: { http: { address: '127.0.0.1:8000' } }, upstreams, routes } as never))
  const boot = await bootFromDisk(config)
  const worker = await makeWorker()
  globalThis.gc?.()
  const heapBefore = process.memoryUsage().heapUsed
  const cpu = process.cpuUsage()
  let snapshot = await worker([...config.lines()])
  const used = process.cpuUsage(cpu)
  globalThis.gc?.()
  const heapMb = (process.memoryUsage().heapUsed - heapBefore) / 1e6
  const changes = Array.from({ length: Number(values.changes) }, (_, change) => [changedRoute(routes[change % count]!, `https://change-${change}.example.com`)])
  const many = routes.slice(0, 1000).map((route) => changedRoute(route, 'https://all.example.com'))
  const turns = watchTurns()
  const times: number[] = []
  for (const change of changes) {
    const began = process.threadCpuUsage()
    snapshot = await worker(change)
    times.push(cpuMs(began))
    await sleep(1)
  }
  const oneTurn = turns.longest()
  const began = process.threadCpuUsage()
  snapshot = await worker(many)
  const thousand = cpuMs(began)
  const manyTurn = turns.longest()
  turns.stop()
  const cells = [count, (config.size / 1e6).toFixed(1), ((used.user + used.system) / 1000).toFixed(0), heapMb.toFixed(0), `${(times.reduce((sum, one) => sum + one, 0) / times.length).toFixed(2)} / ${at(times, 99)}`, oneTurn.toFixed(1), thousand.toFixed(0), manyTurn.toFixed(1), lookUpNs(snapshot, count).toFixed(0), boot.readyMs.toFixed(0), boot.cpuMs.toFixed(0), boot.rssMb.toFixed(0)]
  console.log(`| ${cells.join(' | ')} |`)
}

function changedRoute(route: { name: string }, origin: string): string {
  return lineOf(`routes/${route.name}`, { ...route, policies: [{ cors: { origins: [origin] } }] })
}

/** CPU of this thread since then: on a shared machine the wall's time is mostly somebody else's. */
function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(since)
  return (user + system) / 1000
}

/** A worker as far as its configuration goes; answers what it then serves. */
async function makeWorker(): Promise<(lines: readonly string[]) => Promise<CompiledSnapshot>> {
  const policies = await loadPolicies(['cors', 'request-limits', 'request-id'])
  const registry = new UpstreamRegistry(new Map(await Promise.all(balancers.map(async (entry) => [entry.name, await entry.load()] as const))))
  const compiler = new SnapshotCompiler({ policies, upstreams: registry, policyParts: { clock: systemClock, logger: createLogger('bench', { level: 'error' }), identity: {} as never, quota: {} as never } })
  return async (lines) => {
    await compiler.receive(lines)
    const prepared = await compiler.prepare({ revision: 1, digest: '' })
    if (prepared.upstreamsChanged) registry.adopt(prepared.snapshot.upstreams, prepared.snapshot.upstreamSettings)
    return compiler.adopt(prepared)
  }
}

/** The most CPU of one turn of the event loop since it was asked last. */
function watchTurns(): { longest(): number; stop(): void } {
  let since = process.threadCpuUsage()
  let longest = 0
  let isStopped = false
  const turn = (): void => {
    longest = Math.max(longest, cpuMs(since))
    since = process.threadCpuUsage()
    if (!isStopped) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    longest() {
      const found = longest
      longest = 0
      return found
    },
    stop: () => (isStopped = true),
  }
}

function lookUpNs(snapshot: CompiledSnapshot, count: number): number {
  const headers = new HeaderFields([])
  const questions = Array.from({ length: 1000 }, (_, index) => {
    const route = (index * 7919) % count
    return { method: 'GET', headers, query: '', clientAddress: '192.0.2.1', host: `host-${Math.floor(route / 100)}.example.com`, port: 80, path: `/api/v1/resource-${route % 100}/42` }
  })
  let found = 0
  const round = (): void => {
    for (const question of questions) if (snapshot.router.find(question).route !== undefined) found++
  }
  for (let warm = 0; warm < 100; warm++) round()
  const began = process.threadCpuUsage()
  for (let rounds = 0; rounds < 500; rounds++) round()
  const ns = (cpuMs(began) * 1e6) / (500 * questions.length)
  if (found !== 600 * questions.length) throw new Error('a route that is there was not found')
  return ns
}

/** An edge alone: no bus, no control, no Redis; what it serves lies on its disk. */
async function bootFromDisk(config: SegmentedConfig): Promise<{ readyMs: number; cpuMs: number; rssMb: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-routes-'))
  const [http = 0, metrics = 0, nothing = 0] = await freePorts(3)
  mkdirSync(join(directory, 'snapshots'), { recursive: true })
  await new SnapshotDisk(join(directory, 'snapshots'), undefined, (error) => { throw error }).save({ revision: 1, config, forcedRevision: 0 })
  const env = { ...process.env, SLUICE_DATA_DIR: directory, SLUICE_EDGE_NAME: 'edge-1', SLUICE_WORKERS: '1', SLUICE_LISTEN_HTTP: `127.0.0.1:${http}`, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metrics}`, SLUICE_NATS_URL: `nats://127.0.0.1:${nothing}`, SLUICE_REDIS_URL: `redis://127.0.0.1:${nothing}`, SLUICE_LOG_LEVEL: 'fatal' }
  const started = performance.now()
  const child = spawn(fileURLToPath(new URL('../node_modules/.bin/sluice', import.meta.url)), ['service', 'edge'], { env, stdio: 'ignore' })
  try {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${metrics}/readyz`).catch(() => undefined)
      await answer?.body?.cancel()
      if (answer?.status === 200) {
        const { rssMb, cpuSeconds } = usageOfTree(child.pid!)
        return { readyMs: performance.now() - started, cpuMs: cpuSeconds * 1000, rssMb }
      }
      if (performance.now() - started > 120_000) throw new Error('the edge was not ready within two minutes')
      await sleep(10)
    }
  } finally {
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
    rmSync(directory, { recursive: true, force: true })
  }
}

function at(times: readonly number[], percent: number): string {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))]!.toFixed(1)
}

if (values.only === undefined) await main()
else await measure(Number(values.only))
