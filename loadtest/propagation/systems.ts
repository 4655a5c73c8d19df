/** The two systems whose propagation is measured: twelve edges over NATS, and one edge of twelve workers in one process tree. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { start as startNats } from '../../infra/local/nats.ts'
import { start as startRedis } from '../../infra/local/redis.ts'
import { processTree } from '../bench/process-tree.ts'
import { freePorts } from '../../packages/testkit/src/free-port.ts'

const sluice = fileURLToPath(new URL('../../node_modules/.bin/sluice', import.meta.url))
const startTimeoutMs = 180_000

export interface MeasuredSystem {
  readonly store: string
  readonly bus: string
  readonly edges: number
  readonly workers: number
  /** Of client traffic: one for each edge. */
  readonly ports: readonly number[]
  /** What `listeners.http.address` has to be. */
  readonly listen: string
  readonly adminUrl: string
  readonly adminToken: string
  /** Its processes by what they do, while the edges run; each pid stands for itself, not for its children. */
  processes(): Readonly<Record<string, readonly number[]>>
  /** Starts what serves; control runs already and has a configuration by then. */
  startEdges(): Promise<void>
  stop(): Promise<void>
}

export interface SystemOverNats extends MeasuredSystem {
  /** Where limits are counted. */
  readonly redisPort: number
  /** Where each edge has its metrics; in the order of `ports`. */
  readonly metricsPorts: readonly number[]
  /** Of each edge, the process that its worker is a child of; in the order of `ports`. */
  edgePids(): readonly number[]
}

/** Control, and `edges` edges of one worker each, over NATS; `edgeSettings` are variables that each edge, by its place, is given besides. */
export async function startOverNats(directory: string, edges: number, edgeSettings: (index: number) => Readonly<Record<string, string>> = () => ({})): Promise<SystemOverNats> {
  const [nats, redis] = await Promise.all([startNats(), startRedis()])
  const ports = await freePorts(2 + 2 * edges)
  const [admin = 0, controlMetrics = 0, ...others] = ports
  const adminToken = randomBytes(24).toString('base64url')
  const shared = { SLUICE_NATS_URL: nats.url, SLUICE_REDIS_URL: redis.url }
  const processes = new Processes(directory)
  const control = processes.start('control', ['service', 'control'], { ...shared, SLUICE_ADMIN_ADDRESS: `127.0.0.1:${admin}`, SLUICE_ADMIN_TOKEN: adminToken, SLUICE_METRICS_ADDRESS: `127.0.0.1:${controlMetrics}` })
  await processes.ready('control', controlMetrics)
  const traffic = others.slice(0, edges)
  const pids: number[] = []
  return {
    store: 'embedded', bus: 'nats', edges, workers: edges, ports: traffic,
    listen: '127.0.0.1:8000', adminUrl: `http://127.0.0.1:${admin}`, adminToken,
    processes: () => ({ control: [control.pid!], NATS: [nats.pid], 'host agents': pids, workers: pids.flatMap((pid) => processTree(pid).slice(1)) }),
    redisPort: Number(new URL(redis.url).port),
    metricsPorts: others.slice(edges),
    edgePids: () => pids,
    async startEdges() {
      const names = traffic.map((_, index) => `edge-${index + 1}`)
      for (const [index, name] of names.entries()) {
        const own = { SLUICE_EDGE_NAME: name, SLUICE_WORKERS: '1', SLUICE_LISTEN_HTTP: `127.0.0.1:${traffic[index]}`, SLUICE_METRICS_ADDRESS: `127.0.0.1:${others[edges + index]}` }
        pids.push(processes.start(name, ['service', 'edge'], { ...shared, ...own, ...edgeSettings(index) }).pid!)
      }
      await Promise.all(names.map((name, index) => processes.ready(name, others[edges + index]!)))
    },
    async stop() {
      await processes.stop()
      await Promise.all([nats.stop(), redis.stop()])
    },
  }
}

/** `sluice run` with that many workers. */
export async function startEmbedded(directory: string, workers: number): Promise<MeasuredSystem> {
  const [http = 0, admin = 0, metrics = 0] = await freePorts(3)
  const adminToken = randomBytes(24).toString('base64url')
  const processes = new Processes(directory)
  const listen = `127.0.0.1:${http}`
  const env = { SLUICE_ADMIN_TOKEN: adminToken, SLUICE_EDGE_NAME: 'edge-1' }
  const config = join(directory, 'gateway.json')
  writeFileSync(config, JSON.stringify({ version: 1, listeners: { http: { address: listen } }, admin: { address: `127.0.0.1:${admin}` }, telemetry: { metrics: { address: `127.0.0.1:${metrics}` } } }))
  const gateway = processes.start('gateway', ['run', '-c', config, '--workers', String(workers), '--data-dir', join(directory, 'data')], env)
  await processes.ready('gateway', metrics)
  return {
    store: 'embedded', bus: 'local', edges: 1, workers, ports: [http],
    listen, adminUrl: `http://127.0.0.1:${admin}`, adminToken,
    processes: () => ({ 'control and host agent': [gateway.pid!], workers: processTree(gateway.pid!).slice(1) }),
    startEdges: async () => {},
    stop: () => processes.stop(),
  }
}

/** Children with a folder each; what they print goes to `output.log` in it. */
export class Processes {
  readonly #directory: string
  readonly #children = new Map<string, ChildProcess>()

  constructor(directory: string) {
    this.#directory = directory
  }

  start(name: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    const folder = join(this.#directory, name)
    mkdirSync(folder, { recursive: true })
    const log = openSync(join(folder, 'output.log'), 'a')
    const child = spawn(sluice, args, { cwd: folder, stdio: ['ignore', log, log], env: { ...process.env, SLUICE_DATA_DIR: join(folder, 'data'), ...env } })
    closeSync(log)
    this.#children.set(name, child)
    return child
  }

  async ready(name: string, metricsPort: number): Promise<void> {
    const deadline = performance.now() + startTimeoutMs
    const child = this.#children.get(name)!
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${metricsPort}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
      await answer?.body?.cancel()
      if (answer?.status === 200) return
      const hasEnded = child.exitCode !== null || child.signalCode !== null
      if (hasEnded || performance.now() > deadline) {
        const log = readFileSync(join(this.#directory, name, 'output.log'), 'utf8')
        throw new Error(`${name} ${hasEnded ? 'ended' : 'was not ready in time'}:\n${log.slice(-2000)}`)
      }
      await sleep(50)
    }
  }

  async stop(): Promise<void> {
    const ended = [...this.#children.values()].map((child) => new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve()
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    }))
    await Promise.all(ended)
  }
}
