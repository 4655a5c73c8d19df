import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, type Cleanup } from '@sluice/testkit'
import { edgeOf, runningSystem, standingConfig } from './running-system.ts'
import { SluiceProcess } from './sluice-process.ts'
import type { System } from './system.ts'

/** One `sluice run` with two workers and a config file without routes. */
export async function startEmbedded(t: Cleanup): Promise<System> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-embedded-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [http = 0, admin = 0, metrics = 0] = await freePorts(3)
  const configFile = join(directory, 'gateway.yaml')
  const dataDirectory = join(directory, 'data')
  const addresses = { admin: { address: `127.0.0.1:${admin}` }, metrics: { address: `127.0.0.1:${metrics}` } }
  const standing = standingConfig(`127.0.0.1:${http}`)
  const inFile = { ...standing, admin: addresses.admin, telemetry: { ...(standing['telemetry'] as object), metrics: addresses.metrics } }
  writeFileSync(configFile, JSON.stringify(inFile, undefined, 2))
  const adminToken = randomBytes(32).toString('base64url')
  const gateway = new SluiceProcess(t, {
    name: 'gateway',
    args: ['run', '-c', configFile, '--workers', '2', '--data-dir', dataDirectory],
    env: { SLUICE_ADMIN_TOKEN: adminToken, SLUICE_EDGE_NAME: 'edge-1' },
    directory,
    metricsUrl: `http://127.0.0.1:${metrics}`,
  })
  await gateway.start()
  const edge = edgeOf(gateway, { name: 'edge-1', address: `127.0.0.1:${http}`, logDirectory: directory })
  const system = runningSystem({ t, mode: 'embedded', edges: [edge], services: new Map(), adminUrl: `http://127.0.0.1:${admin}`, adminToken, directory, standing: inFile })
  return { ...system, configFile }
}
