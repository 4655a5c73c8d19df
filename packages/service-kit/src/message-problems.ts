import type { Logger } from './logger.ts'
import type { MetricsRegistry } from './metrics.ts'
import { oncePerMinute } from './once-per-minute.ts'

/** For the listening of a service: messages that cannot be read are counted and told once a minute, what fails unexpectedly each time. */
export function messageProblems({ logger, metrics }: { readonly logger: Logger; readonly metrics: MetricsRegistry }): { readonly onMalformed: (subject: string) => void; readonly onError: (subject: string, error: unknown) => void } {
  const malformed = metrics.counter('sluice_malformed_messages_total', 'Messages that could not be read.').with()
  const warn = oncePerMinute((subject, times) => logger.warn({ subject, times }, 'a message could not be read'))
  return {
    onMalformed(subject) {
      malformed.add(1)
      warn(subject)
    },
    onError: (subject, error) => logger.error({ subject, err: error }, 'a message could not be handled'),
  }
}
