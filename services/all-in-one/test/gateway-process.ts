// `sluice run` as a process, with a config of its own on free ports.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, startProcess, type Cleanup, type ProcessOptions, type RunningProcess } from '@sluice/testkit'

export const sluice = join(import.meta.dirname, '../../../node_modules/.bin/sluice')

export interface Ports {
  readonly http: number
  readonly admin: number
  readonly metrics: number
}

export interface Workplace {
  readonly directory: string
  readonly configFile: string
  readonly ports: Ports
  readonly traffic: string
  readonly admin: string
  readonly metrics: string
  /** Writes the config file: listeners on the free ports, and what is given. */
  write(config: Record<string, unknown>): void
}

/** A folder with a config file; both go with the test. */
export async function makeWorkplace(t: Cleanup, config: Record<string, unknown> = {}): Promise<Workplace> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-run-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [http = 0, admin = 0, metrics = 0] = await freePorts(3)
  const configFile = join(directory, 'gateway.yaml')
  const write = (parts: Record<string, unknown>) => writeFileSync(configFile, JSON.stringify({ version: 1, ...listening({ http, admin, metrics }), ...parts }, undefined, 2))
  write(config)
  return { directory, configFile, ports: { http, admin, metrics }, traffic: url(http), admin: url(admin), metrics: url(metrics), write }
}

function listening(ports: Ports) {
  return {
    listeners: { http: { address: `127.0.0.1:${ports.http}` } },
    admin: { address: `127.0.0.1:${ports.admin}` },
    telemetry: { metrics: { address: `127.0.0.1:${ports.metrics}` } },
  }
}

function url(port: number): string {
  return `http://127.0.0.1:${port}`
}

/** A route that the gateway answers itself. */
export function fixed(name: string, path: string, body: string): Record<string, unknown> {
  return { name, match: { path }, policies: [{ 'fixed-response': { status: 200, body } }] }
}

export function startGateway(t: Cleanup, workplace: Workplace, args: readonly string[] = ['--workers', '1'], options: ProcessOptions = {}): RunningProcess {
  return startProcess(t, sluice, ['run', '-c', workplace.configFile, ...args], options)
}

export async function startServing(t: Cleanup, workplace: Workplace, args?: readonly string[]): Promise<RunningProcess> {
  const gateway = startGateway(t, workplace, args)
  await gateway.waitForLine(/^ready in/, { timeoutMs: 60_000 })
  return gateway
}
