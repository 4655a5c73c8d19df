// The distributed mode over three zones: a NATS cluster of three, one Redis, the six services and four edges, one of them with two workers.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchOnce, waitUntil, type Cleanup } from '@sluice/testkit'
import { locate as locateNats } from '../../../infra/local/nats.ts'
import { locate as locateRedis } from '../../../infra/local/redis.ts'
import { edgeOf, runningSystem, standingConfig } from '../running-system.ts'
import { isReady, SluiceProcess } from '../sluice-process.ts'
import type { Edge, System } from '../system.ts'
import { Zone } from './namespaces.ts'
import { ZoneServer } from './zone-server.ts'

type ZoneName = 'a' | 'b' | 'c'

/** Each process has a network of its own zone, so that ports can be the usual ones. */
const ports = { nats: 4222, cluster: 6222, redis: 6379, admin: 8001, http: 8000, secondHttp: 8010, metrics: 9100 }

const placed: readonly (readonly [service: string, zone: ZoneName])[] = [['control', 'a'], ['auth', 'b'], ['ratelimit', 'b'], ['discovery', 'b'], ['analytics', 'b']]
const edgesPlaced: readonly { readonly name: string; readonly zone: ZoneName; readonly http: number; readonly workers: string }[] = [
  { name: 'edge-a', zone: 'a', http: ports.http, workers: '2' },
  { name: 'edge-b', zone: 'b', http: ports.http, workers: '1' },
  { name: 'edge-c', zone: 'c', http: ports.http, workers: '1' },
  { name: 'edge-d', zone: 'c', http: ports.secondHttp, workers: '1' },
]

export class ZonedSystem {
  readonly system: System
  readonly zones: Readonly<Record<ZoneName, Zone>>
  readonly nats: readonly ZoneServer[]
  readonly redis: ZoneServer
  readonly #launch: (t: Cleanup, plan: LaunchPlan) => SluiceProcess

  constructor(parts: Pick<ZonedSystem, 'system' | 'zones' | 'nats' | 'redis'> & { launch: (t: Cleanup, plan: LaunchPlan) => SluiceProcess }) {
    this.system = parts.system
    this.zones = parts.zones
    this.nats = parts.nats
    this.redis = parts.redis
    this.#launch = parts.launch
  }

  service(name: string): SluiceProcess {
    return this.system.services.get(name) ?? this.edge(name).process
  }

  edge(name: string): Edge {
    const found = this.system.edges.find((edge) => edge.name === name)
    if (found === undefined) throw new Error(`there is no edge ${name}`)
    return found
  }

  /** Every process but the edges and the servers. */
  get services(): readonly SluiceProcess[] {
    return [...this.system.services.values()]
  }

  /** One more process of the system; not started yet. */
  another(t: Cleanup, plan: LaunchPlan): SluiceProcess {
    return this.#launch(t, plan)
  }

  /** Resolves with the milliseconds until every process is ready and every edge runs the head. */
  async settled(timeoutMs = 90_000): Promise<number> {
    const began = performance.now()
    const processes = [...this.services, ...this.system.edges.map((edge) => edge.process)]
    for (const { name, metricsUrl } of processes) await waitUntil(() => isReady(metricsUrl), { timeoutMs, everyMs: 100, what: `${name} to be ready` })
    await waitUntil(async () => this.#isAtHead(), { timeoutMs, everyMs: 100, what: 'all edges to run the head' })
    return Math.round(performance.now() - began)
  }

  async #isAtHead(): Promise<boolean> {
    const [status, edges] = await Promise.all([this.system.admin('GET', '/v1/revisions?limit=1'), this.system.admin('GET', '/v1/edges')])
    const head = status.json<{ items: { revision: number }[] }>().items[0]?.revision
    const live = edges.json<{ items: { name: string; state: string; revision: number }[] }>().items.filter(({ name }) => this.system.edges.some((edge) => edge.name === name))
    return live.length === this.system.edges.length && live.every(({ state, revision }) => state === 'live' && revision === head)
  }
}

export interface LaunchPlan {
  readonly name: string
  readonly service: string
  readonly zone: Zone
  readonly metricsPort: number
  readonly env: Readonly<Record<string, string>>
  readonly directory?: string
}

/** Starts everything; this process has to be in a network namespace of its own that is the meeting place of zones. */
export async function startZoned(t: Cleanup): Promise<ZonedSystem> {
  process.setMaxListeners(100) // each process that is watched over hangs on this one's end
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-zones-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const zones = { a: await Zone.open(t, 'a', 1), b: await Zone.open(t, 'b', 2), c: await Zone.open(t, 'c', 3) }
  const [nats, redis] = await Promise.all([startNatsCluster(t, Object.values(zones), directory), startRedis(t, zones.a, directory)])
  const adminToken = newToken()
  const shared = sharedSettings({ zones, redis, adminToken })
  // Zone c is the one that rows cut off: nobody outside of it depends on its server.
  const busOf = (zone: Zone) => nats.filter((_, index) => zone.name === 'c' || index < 2).map(({ address }) => `nats://${address}`).join(',')
  const launch = (inner: Cleanup, plan: LaunchPlan) => sluiceIn(inner, { directory: join(directory, plan.name), ...plan, env: { ...shared, SLUICE_NATS_URL: busOf(plan.zone), ...plan.env } })
  const services = new Map(placed.map(([service, zone], index) => [service, launch(t, { name: service, service, zone: zones[zone], metricsPort: ports.metrics + 10 + index, env: {} })]))
  await Promise.all([...services.values()].map((service) => service.start()))
  const edges = edgesPlaced.map((plan) => edgeIn(zones[plan.zone], plan, directory, (launchPlan) => launch(t, launchPlan)))
  const system = runningSystem({ t, mode: 'distributed', edges, services, adminUrl: adminAt(zones.a.clientAddress), adminToken, directory, standing: standingConfig(`0.0.0.0:${ports.http}`) })
  const { status, body } = await system.admin('PUT', '/v1/config?wait=all', system.complete({}))
  if (status !== 200) throw new Error(body)
  await Promise.all(edges.map((edge) => edge.process.start()))
  return new ZonedSystem({ system, zones, nats, redis, launch })
}

const adminAt = (host: string) => `http://${host}:${ports.admin}`

/** What every process gets. */
function sharedSettings({ zones, redis, adminToken }: { zones: ZonedSystem['zones']; redis: ZoneServer; adminToken: string }): Record<string, string> {
  return {
    SLUICE_ALLOW_PLAINTEXT: '1',
    SLUICE_REDIS_URL: `redis://${redis.address}`,
    SLUICE_CONTROL_URLS: adminAt(zones.a.address),
    SLUICE_CONTROL_TOKEN: newToken(),
    SLUICE_ADMIN_TOKEN: adminToken,
    SLUICE_ADMIN_ADDRESS: `0.0.0.0:${ports.admin}`,
    SLUICE_WORKERS: '1',
  }
}

function edgeIn(zone: Zone, { name, http, workers }: (typeof edgesPlaced)[number], directory: string, launch: (plan: LaunchPlan) => SluiceProcess): Edge {
  const env = { SLUICE_EDGE_NAME: name, SLUICE_WORKERS: workers, SLUICE_ZONE: zone.name, SLUICE_LISTEN_HTTP: `0.0.0.0:${http}` }
  const process = launch({ name, service: 'edge', zone, metricsPort: ports.metrics + http - ports.http, env })
  return edgeOf(process, { name, address: `${zone.clientAddress}:${http}`, logDirectory: join(directory, name) })
}

async function startRedis(t: Cleanup, zone: Zone, directory: string): Promise<ZoneServer> {
  const args = ['--bind', '0.0.0.0', '--protected-mode', 'no', '--port', String(ports.redis), '--save', '']
  const redis = new ZoneServer(t, { zone, command: await locateRedis(), args, port: ports.redis, directory: join(directory, 'redis') })
  await redis.start()
  return redis
}

const newToken = () => randomBytes(32).toString('base64url')

async function startNatsCluster(t: Cleanup, zones: readonly Zone[], directory: string): Promise<ZoneServer[]> {
  const command = await locateNats()
  const routes = zones.map(({ address }) => `nats://${address}:${ports.cluster}`).join(', ')
  const servers = zones.map((zone) => {
    const own = join(directory, `nats-${zone.name}`)
    mkdirSync(own, { recursive: true })
    const file = join(directory, `nats-${zone.name}.conf`)
    writeFileSync(file, `server_name: ${zone.name}\nlisten: 0.0.0.0:${ports.nats}\ncluster { name: zones, listen: 0.0.0.0:${ports.cluster}, no_advertise: true, routes: [${routes}] }\n`)
    return new ZoneServer(t, { zone, command, args: ['-c', file], port: ports.nats, directory: own })
  })
  await Promise.all(servers.map((server) => server.start()))
  return servers
}

/** `sluice service …` in a zone. */
function sluiceIn(t: Cleanup, { name, service, zone, metricsPort, env, directory = '' }: LaunchPlan): SluiceProcess {
  mkdirSync(directory, { recursive: true })
  const own = { SLUICE_DATA_DIR: directory, SLUICE_METRICS_ADDRESS: `0.0.0.0:${metricsPort}` }
  return new SluiceProcess(t, { name, args: ['service', service], env: { ...own, ...env }, directory, metricsUrl: `http://${zone.clientAddress}:${metricsPort}`, through: zone.enter })
}

/** Whether a connection to `url` is refused, or what it was answered. */
export async function answerOf(url: string, timeoutMs = 5000): Promise<number | string> {
  return fetchOnce(url, { timeoutMs }).then(({ status }) => status, (error: NodeJS.ErrnoException) => error.code ?? 'no answer')
}
