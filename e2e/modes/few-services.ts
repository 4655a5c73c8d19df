// Some services of the distributed mode, each with settings of its own: for what the system that all cases share does not have.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchOnce, freePorts, type Cleanup, type FetchedResponse } from '@sluice/testkit'
import { edgeOf, healthPath } from './running-system.ts'
import { SluiceProcess } from './sluice-process.ts'
import type { Edge } from './system.ts'

export interface ServicePlan {
  readonly name: string
  /** [its name] */
  readonly service?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface FewServices {
  readonly directory: string
  process(name: string): SluiceProcess
  readonly edges: readonly Edge[]
  admin(method: string, path: string, body?: unknown): Promise<FetchedResponse>
}

/** Starts control and `services`, puts `config` in force, and then starts edges of these names; all with the settings `shared`. */
export async function startFewServices(t: Cleanup, shared: Readonly<Record<string, string>>, services: readonly ServicePlan[], edgeNames: readonly string[], config: object): Promise<FewServices> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-few-'))
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }))
  const [adminPort = 0, ...ports] = await freePorts(2 + services.length + 2 * edgeNames.length)
  const adminToken = randomBytes(24).toString('base64url')
  const launch = ({ name, service = name, env = {} }: ServicePlan) => {
    const dataDirectory = join(directory, name)
    mkdirSync(dataDirectory)
    const metrics = `127.0.0.1:${ports.shift()}`
    return new SluiceProcess(t, { name, args: ['service', service], env: { ...shared, SLUICE_DATA_DIR: dataDirectory, SLUICE_METRICS_ADDRESS: metrics, ...env }, directory: dataDirectory, metricsUrl: `http://${metrics}` })
  }
  const control = { name: 'control', env: { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken } }
  const processes = new Map([control, ...services].map((plan) => [plan.name, launch(plan)]))
  await Promise.all([...processes.values()].map((process) => process.start()))
  const admin = (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${adminToken}`, ...(body !== undefined && { 'content-type': 'application/json' }) }
    return fetchOnce(`http://127.0.0.1:${adminPort}${path}`, { method, timeoutMs: 20_000, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
  }
  const addresses = edgeNames.map(() => `127.0.0.1:${ports.shift()}`)
  const put = await admin('PUT', '/v1/config', { version: 1, listeners: { http: { address: '127.0.0.1:8000', healthPath } }, ...config })
  assert.equal(put.status, 200, put.body)
  const edges = edgeNames.map((name, index) => {
    const address = addresses[index]!
    const process = launch({ name, service: 'edge', env: { SLUICE_EDGE_NAME: name, SLUICE_WORKERS: '1', SLUICE_LISTEN_HTTP: address } })
    return edgeOf(process, { name, address, logDirectory: join(directory, name) })
  })
  await Promise.all(edges.map((edge) => edge.process.start()))
  return { directory, edges, admin, process: (name) => processes.get(name)! }
}
