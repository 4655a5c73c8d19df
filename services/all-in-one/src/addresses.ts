import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseReference } from '@sluice/proto/config'
import { parseAddress, plaintextProblems } from '@sluice/service-kit'
import type { AllInOneSettings } from './settings.ts'

/** An address to listen on, and the setting that a message about it names. */
export interface NamedAddress {
  readonly address: string
  readonly setting: string
}

/** What was read from the config file, unchecked, and what its references start from. */
export interface ReadConfig {
  readonly input: unknown
  readonly baseDirectory: string
  readonly environment: Readonly<NodeJS.ProcessEnv>
}

interface WithAddresses {
  readonly admin?: { readonly address?: unknown }
  readonly telemetry?: { readonly metrics?: { readonly address?: unknown } }
}

/**
 * Where the admin API and the metrics listen: the environment's word, else the file's, else the defaults. What is wrong in
 * the file reads as left out, since control refuses it with its place. Throws an `Error` for an address of the environment that
 * is none, and for an admin API in clear beyond this machine.
 */
export function chooseAddresses(config: ReadConfig, settings: AllInOneSettings): { admin: NamedAddress; metrics: NamedAddress } {
  const file = (typeof config.input === 'object' && config.input !== null ? config.input : {}) as WithAddresses
  const admin = fromEnvironment(settings.adminAddress, 'SLUICE_ADMIN_ADDRESS') ?? fromFile(config, file.admin?.address, 'admin.address', '127.0.0.1:8001')
  const metrics = fromEnvironment(settings.metricsAddress, 'SLUICE_METRICS_ADDRESS') ?? fromFile(config, file.telemetry?.metrics?.address, 'telemetry.metrics.address', '127.0.0.1:9100')
  const [problem] = plaintextProblems([{ setting: admin.setting, url: admin.address }], settings.allowPlaintext)
  if (problem !== undefined) throw new Error(problem)
  return { admin, metrics }
}

function fromEnvironment(address: string | undefined, setting: string): NamedAddress | undefined {
  if (address === undefined) return undefined
  try {
    parseAddress(address)
    return { address, setting }
  } catch (cause) {
    throw new Error(`${setting}: ${(cause as Error).message}`, { cause })
  }
}

function fromFile(config: ReadConfig, written: unknown, setting: string, otherwise: string): NamedAddress {
  try {
    const address = typeof written === 'string' ? valueOf(written, config) : undefined
    if (address === undefined) return { address: otherwise, setting }
    parseAddress(address)
    return { address, setting }
  } catch {
    return { address: otherwise, setting }
  }
}

function valueOf(written: string, { baseDirectory, environment }: ReadConfig): string | undefined {
  const reference = parseReference(written)
  if (reference === undefined) return written
  return reference.kind === 'env' ? environment[reference.target] : readFileSync(resolve(baseDirectory, reference.target), 'utf8').trim()
}
