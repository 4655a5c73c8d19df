import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, startNats, startRedis, type Cleanup } from '@sluice/testkit'
import { edgeOf, runningSystem, standingConfig } from './running-system.ts'
import { SluiceProcess } from './sluice-process.ts'
import type { BackingServers, Edge, System } from './system.ts'
import { openRelay } from './tcp-relay.ts'

const serviceNames = ['auth', 'ratelimit', 'discovery', 'analytics', 'control'] as const
const edgeNames = ['edge-1', 'edge-2'] as const

interface Plan {
  readonly t: Cleanup
  readonly directory: string
  readonly adminAddress: string
  readonly adminToken: string
  /** Of edges that pull from control while the bus is away. */
  readonly controlToken: string
  /** Processes that were started for one case. */
  readonly launched: SluiceProcess[]
  /** Settings that every process gets. */
  readonly shared: Readonly<Record<string, string>>
}

/** Where configuration and credentials are kept; `address` is host:port. Cassandra is shared with others, a PostgreSQL is this system's own. */
export interface BackingStore {
  readonly kind: 'cassandra' | 'postgres'
  readonly address: string
}

/** The six services as processes of their own, the edge twice. */
export async function startDistributed(t: Cleanup, store: BackingStore): Promise<System> {
  process.setMaxListeners(50) // each process that is watched over hangs on this one's end
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-distributed-'))
  // A process that is ending may still put a last file there.
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }))
  const servers = await startServers(t, store)
  const [adminPort = 0, firstPort = 0, secondPort = 0, ...metricsPorts] = await freePorts(3 + serviceNames.length + edgeNames.length)
  const plan: Plan = { t, directory, adminAddress: `127.0.0.1:${adminPort}`, adminToken: newToken(), controlToken: newToken(), launched: [], shared: { ...settingsFor(servers), ...storeSettings(store, servers.store.address) } }
  const services = new Map(serviceNames.map((name, index) => [name as string, serviceProcess(plan, name, metricsPorts[index]!)]))
  await Promise.all([...services.values()].map((service) => service.start()))
  const edges = edgeNames.map((name, index) => edge(plan, name, { port: [firstPort, secondPort][index]!, metricsPort: metricsPorts[serviceNames.length + index]!, isMoved: index > 0 }))
  const standing = standingConfig(`127.0.0.1:${firstPort}`)
  const { adminAddress, adminToken } = plan
  const running = runningSystem({ t, mode: 'distributed', edges, services, servers, adminUrl: `http://${adminAddress}`, adminToken, directory, standing })
  const system: System = {
    ...running,
    launchEdge: (inner, name) => launchEdge({ ...plan, t: inner }, name),
    launchControl: (inner) => launchControl({ ...plan, t: inner }),
    launchService: (inner, name, env) => launchService({ ...plan, t: inner }, name, env ?? {}),
    logs: () => running.logs() + plan.launched.map((one) => one.output()).join(''),
  }
  system.secrets.add(plan.controlToken)
  // Before there is an edge: the addresses must not be the default ones when they come.
  const first = await system.admin('PUT', '/v1/config?wait=all', system.complete({}))
  assert.equal(first.status, 200, first.body)
  await Promise.all(edges.map((one) => one.process.start()))
  return system
}

const newToken = () => randomBytes(32).toString('base64url')

async function startServers(t: Cleanup, { address }: BackingStore): Promise<BackingServers> {
  const [nats, redis, store] = await Promise.all([startNats(), startRedis(), openRelay(t, address)])
  t.after(async () => void (await Promise.all([nats.stop(), redis.stop()])))
  return { nats, redis, store }
}

function settingsFor({ nats, redis }: BackingServers): Record<string, string> {
  // How busy the machine is must not decide how limits are counted.
  return { SLUICE_NATS_URL: nats.url, SLUICE_REDIS_URL: redis.url, SLUICE_REDIS_TIMEOUT_MS: '1000' }
}

function storeSettings({ kind }: BackingStore, address: string): Record<string, string> {
  if (kind === 'postgres') return { SLUICE_STORE: 'postgres', SLUICE_POSTGRES_URL: `postgres://sluice@${address}/postgres` }
  return {
    SLUICE_STORE: 'cassandra',
    SLUICE_CASSANDRA_CONTACT_POINTS: address,
    SLUICE_CASSANDRA_DATACENTER: 'datacenter1',
    SLUICE_CASSANDRA_KEYSPACE: `e2e_${randomBytes(6).toString('hex')}`,
  }
}

function serviceProcess({ t, directory, shared, adminAddress, adminToken, controlToken }: Plan, name: string, metricsPort: number): SluiceProcess {
  const own = name === 'control' ? { SLUICE_ADMIN_ADDRESS: adminAddress, SLUICE_ADMIN_TOKEN: adminToken, SLUICE_CONTROL_TOKEN: controlToken } : {}
  return sluiceService(t, { name, service: name, directory, metricsPort, env: { ...shared, ...own } })
}

function edge(plan: Plan, name: string, { port, metricsPort, isMoved }: { port: number; metricsPort: number; isMoved: boolean }): Edge {
  const address = `127.0.0.1:${port}`
  const control = { SLUICE_CONTROL_URLS: `http://${plan.adminAddress}`, SLUICE_CONTROL_TOKEN: plan.controlToken }
  const own = { SLUICE_EDGE_NAME: name, SLUICE_WORKERS: '2', ...control, ...(isMoved && { SLUICE_LISTEN_HTTP: address }) }
  const process = sluiceService(plan.t, { name, service: 'edge', directory: plan.directory, metricsPort, env: { ...plan.shared, ...own } })
  return edgeOf(process, { name, address, logDirectory: join(plan.directory, name) })
}

/** One more edge, of a name that may be taken already. */
async function launchEdge(plan: Plan, name: string): Promise<Edge> {
  const [port = 0, metricsPort = 0] = await freePorts(2)
  const another = edge({ ...plan, directory: mkdtempSync(join(plan.directory, 'another-')) }, name, { port, metricsPort, isMoved: true })
  another.process.launch()
  plan.launched.push(another.process)
  return another
}

/** One more control beside the first. */
async function launchControl(plan: Plan): Promise<{ adminUrl: string; process: SluiceProcess }> {
  const [port = 0, metricsPort = 0] = await freePorts(2)
  const adminAddress = `127.0.0.1:${port}`
  const process = serviceProcess({ ...plan, adminAddress, directory: mkdtempSync(join(plan.directory, 'another-')) }, 'control', metricsPort)
  plan.launched.push(process)
  await process.start()
  return { adminUrl: `http://${adminAddress}`, process }
}

/** One more of a service that needs no address of its own. */
async function launchService({ t, directory, shared, launched }: Plan, service: string, env: Readonly<Record<string, string>>): Promise<SluiceProcess> {
  const [metricsPort = 0] = await freePorts(1)
  const process = sluiceService(t, { name: service, service, directory: mkdtempSync(join(directory, 'another-')), metricsPort, env: { ...shared, ...env } })
  launched.push(process)
  await process.start()
  return process
}

interface ServicePlan {
  readonly name: string
  readonly service: string
  readonly directory: string
  readonly metricsPort: number
  readonly env: Readonly<Record<string, string>>
}

/** `sluice service …` with a data directory of its own. */
function sluiceService(t: Cleanup, { name, service, directory, metricsPort, env }: ServicePlan): SluiceProcess {
  const dataDirectory = join(directory, name)
  mkdirSync(dataDirectory, { recursive: true })
  return new SluiceProcess(t, {
    name,
    args: ['service', service],
    env: { SLUICE_DATA_DIR: dataDirectory, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metricsPort}`, ...env },
    directory: dataDirectory,
    metricsUrl: `http://127.0.0.1:${metricsPort}`,
  })
}
