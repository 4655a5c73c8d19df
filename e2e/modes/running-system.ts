// What both modes have in common once their processes are known.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchOnce, type Cleanup } from '@sluice/testkit'
import { configuredSecrets } from '../actors/used-secrets.ts'
import { runSluice, type SluiceProcess } from './sluice-process.ts'
import type { AccessLine, BackingServers, Config, Edge, Mode, Receipt, System } from './system.ts'
import { workersOf } from './worker-pids.ts'

export interface SystemParts {
  readonly t: Cleanup
  readonly mode: Mode
  readonly edges: readonly Edge[]
  readonly services: ReadonlyMap<string, SluiceProcess>
  readonly servers?: BackingServers
  readonly adminUrl: string
  readonly adminToken: string
  readonly directory: string
  /** The addresses and the access log, as every configuration of this system holds them. */
  readonly standing: Readonly<Record<string, unknown>>
}

const accessLogFile = 'access.log'
export const healthPath = '/edge-health'

/**
 * What every configuration holds besides what a case is about; `http` is where its first edge listens. An edge that is told to
 * end says so on its health path for a second before it stops to listen, for balancers that look.
 */
export function standingConfig(http: string): Record<string, unknown> {
  return {
    version: 1,
    listeners: { http: { address: http, healthPath, delaySeconds: 1 } },
    telemetry: { accessLog: { file: accessLogFile } },
  }
}

export function runningSystem(parts: SystemParts): System {
  const { t, adminUrl, adminToken, directory } = parts
  const processes = [...new Set([...parts.services.values(), ...parts.edges.map((edge) => edge.process)])]
  const system: System = {
    ...parts,
    servers: parts.servers,
    secrets: new Set([adminToken]),
    admin: (method, path, body, { headers = {}, timeoutMs = 30_000 } = {}) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      if (text !== undefined) noteConfigured(system.secrets, text)
      return fetchOnce(adminUrl + path, {
        method,
        timeoutMs,
        headers: { authorization: `Bearer ${adminToken}`, ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(text !== undefined && { body: text }),
      })
    },
    complete: (config) => ({ ...parts.standing, ...config }),
    apply: (config) => apply(system, config),
    cli: (args, options = {}) => runSluice(t, args, { cwd: directory, env: { SLUICE_ADMIN_URL: adminUrl, SLUICE_ADMIN_TOKEN: adminToken }, ...options }),
    logs: () => processes.map((one) => one.output()).join(''),
  }
  return system
}

/** Remembers which secrets stand in what is written, as they are: that is where they may be found again. */
function noteConfigured(secrets: ReadonlySet<string>, text: string): void {
  for (const secret of secrets) if (text.includes(JSON.stringify(secret).slice(1, -1))) configuredSecrets.add(secret)
}

async function apply(system: System, config: Config): Promise<Receipt> {
  const answer = await system.admin('PUT', '/v1/config?wait=all&timeoutMs=20000', system.complete(config))
  assert.equal(answer.status, 200, answer.body)
  const receipt = answer.json<Receipt>()
  assert.deepEqual(receipt.edges, { acknowledged: system.edges.length, expected: system.edges.length, missing: [] }, answer.body)
  return receipt
}

/** The edge that `process` is; its access log lies in `logDirectory`. */
export function edgeOf(process: SluiceProcess, facts: { name: string; address: string; logDirectory: string }): Edge {
  const { name, address, logDirectory } = facts
  return {
    name,
    url: `http://${address}`,
    metricsUrl: process.metricsUrl,
    process,
    workerPids: () => workersOf(process.pid),
    accessLog: () => readLines(join(logDirectory, accessLogFile)),
  }
}

async function readLines(file: string): Promise<AccessLine[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  // What stands behind the last line end is still being written.
  return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as AccessLine)
}
