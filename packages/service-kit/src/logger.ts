import pino, { type DestinationStream, type Logger } from 'pino'

export type { Logger }

/** Field names whose values never reach a log, wherever they stand up to three levels deep. */
const secretFields = ['authorization', 'cookie', 'password', 'secret', 'token', 'apiKey', 'key', 'hash', 'passwordHash', 'clientSecret', 'creds']
const redacted = secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])

/** JSON lines on stderr (stdout belongs to what a command answers). `destination` is for tests. */
export function createLogger(service: string, options: { level?: string; destination?: DestinationStream } = {}): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redacted, censor: '[redacted]' },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  )
}
