import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { createLogger, readSettings, runUntilSignal, SettingsError } from '@sluice/service-kit'
import { createAllInOne, type ServedAddresses } from './all-in-one.ts'
import { dataDirectoryFor } from './data-directory.ts'
import { allInOneSettings } from './settings.ts'

export interface RunOptions {
  /** Absolute or relative to the working directory. Undefined: what the store holds. */
  readonly configFile?: string | undefined
  /** Edge workers [cores - 1, at least 1]. */
  readonly workers?: number
  /** [`.sluice/` beside the config file] */
  readonly dataDirectory?: string
  /** [30] */
  readonly drainSeconds?: number
  readonly environment?: Readonly<NodeJS.ProcessEnv>
  /** Told once traffic is served, after the line on stdout. */
  readonly onServing?: (addresses: ServedAddresses) => void
  /** Ended with the gateway, after it. */
  readonly alongside?: { stop(): Promise<void> }
  /** What of the log is written; SLUICE_LOG_LEVEL has the last word [info]. */
  readonly logLevel?: string
}

/**
 * Runs the embedded mode until a signal: prints the one line `ready in … ms: …` on stdout once traffic is served, ends the
 * process with 0 after a drain, with 1 and a line for each problem when it cannot start. Never returns.
 */
export async function runAllInOne(options: RunOptions): Promise<never> {
  const environment = options.environment ?? process.env
  try {
    return await run(options, environment)
  } catch (error) {
    await options.alongside?.stop()
    const problems = error instanceof SettingsError ? error.problems : [(error as Error).message]
    for (const problem of problems) process.stderr.write(`${problem}\n`)
    return process.exit(1)
  }
}

async function run(options: RunOptions, environment: Readonly<NodeJS.ProcessEnv>): Promise<never> {
  const { logLevel } = readSettings(allInOneSettings, environment)
  const level = environment['SLUICE_LOG_LEVEL'] ? logLevel : (options.logLevel ?? logLevel)
  const gateway = createAllInOne({
    configFile: options.configFile,
    workers: options.workers ?? Math.max(1, availableParallelism() - 1),
    dataDirectory: resolve(options.dataDirectory ?? dataDirectoryFor(options.configFile ?? 'gateway.yaml')),
    drainSeconds: options.drainSeconds ?? 30,
    environment,
    loggerOf: (service) => createLogger(service, { level }),
  })
  const stopped = runUntilSignal({ stop: () => stopBoth(gateway, options.alongside) }, createLogger('sluice', { level }))
  const addresses = await gateway.start()
  if (addresses === undefined) return stopped
  process.stdout.write(`ready in ${Math.round(performance.now())} ms: ${addresses.traffic.join(' ')} admin ${addresses.admin}\n`)
  options.onServing?.(addresses)
  return stopped
}

async function stopBoth(gateway: { stop(): Promise<void> }, alongside: RunOptions['alongside']): Promise<void> {
  await gateway.stop()
  await alongside?.stop()
}
