import type { z } from 'zod'
import { systemClock, type Clock } from './clock.ts'
import { requireEncryption, type DistributedSettings } from './distributed-settings.ts'
import { startHealthServer } from './health-server.ts'
import { createLogger, type Logger } from './logger.ts'
import { MetricsRegistry, type MetricSnapshot } from './metrics.ts'
import type { Door } from './plaintext.ts'
import { runUntilSignal } from './run-until-signal.ts'
import type { Service } from './service.ts'
import { readSettings, SettingsError } from './settings.ts'

export interface ProcessParts<B> {
  readonly bus: B
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
}

export interface ServiceProcess<S extends z.ZodObject, B extends { drain(timeoutMs?: number): Promise<void> }> {
  readonly name: string
  readonly settings: S
  /** Other plain connections to look at besides NATS: Redis, the admin API. */
  readonly doors?: (settings: z.output<S>) => readonly Door[]
  readonly openBus: (settings: z.output<S>, logger: Logger) => Promise<B>
  readonly create: (settings: z.output<S>, parts: ProcessParts<B>) => Promise<ServedService>
}

export interface ServedService {
  readonly service: Service
  /** What `/metrics` shows, when it is more than this process's own registry. */
  readonly metrics?: () => Promise<readonly MetricSnapshot[]>
  /** Lets go of what was opened for the service: its stores. */
  readonly close?: () => Promise<void>
}

/**
 * One service of the distributed mode as a process: settings, bus, service, health server, then until a signal.
 * Problems of the settings and of the start are printed on stderr, all at once, and end the process with 1.
 */
export async function runServiceProcess<S extends z.ZodObject, B extends { drain(timeoutMs?: number): Promise<void> }>(process_: ServiceProcess<S, B>): Promise<void> {
  try {
    await run(process_)
  } catch (error) {
    const problems = error instanceof SettingsError ? error.problems : [(error as Error).message]
    for (const problem of problems) process.stderr.write(`sluice ${process_.name}: ${problem}\n`)
    process.exit(1)
  }
}

async function run<S extends z.ZodObject, B extends { drain(timeoutMs?: number): Promise<void> }>(process_: ServiceProcess<S, B>): Promise<void> {
  const settings = readSettings(process_.settings)
  const shared = settings as unknown as DistributedSettings
  requireEncryption(shared, process_.doors?.(settings) ?? [])
  const logger = createLogger(process_.name, { level: shared.logLevel })
  if (shared.allowPlaintext) logger.warn('SLUICE_ALLOW_PLAINTEXT is set: connections off this machine may be unencrypted')
  const metrics = new MetricsRegistry()
  const bus = await process_.openBus(settings, logger)
  const { service, metrics: gather, close } = await process_.create(settings, { bus, logger, clock: systemClock, metrics })
  const server = await startHealthServer({
    address: shared.metricsAddress,
    setting: 'SLUICE_METRICS_ADDRESS',
    health: () => service.health(),
    metrics: gather ?? (() => metrics.snapshot()),
  })
  const started = service.start()
  const deadlineMs = shared.drainSeconds * 1000
  // From here on a signal drains, also one that comes while the service is still starting.
  const ended = runUntilSignal({
    async stop() {
      await started
      await service.stop({ deadlineMs })
      await close?.()
      await bus.drain(deadlineMs)
      await server.stop()
    },
  }, logger)
  await started
  logger.info({ metrics: shared.metricsAddress }, 'started')
  await ended
}
