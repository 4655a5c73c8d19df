import type { Logger } from './logger.ts'

export interface Stoppable {
  stop(): Promise<void>
}

/**
 * Waits for SIGTERM or SIGINT, stops everything once, and ends the process with 0; a second signal ends it at once
 * with 130. A stop that fails ends it with 1. Never returns before the process ends.
 */
export function runUntilSignal(running: Stoppable, logger: Logger): Promise<never> {
  return new Promise(() => {
    let stopping = false
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping) process.exit(130)
      stopping = true
      logger.info({ signal }, 'draining')
      running.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'could not stop cleanly')
          process.exit(1)
        },
      )
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
