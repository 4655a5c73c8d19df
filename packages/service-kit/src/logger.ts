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

/**
 * Runs `write` at most once a minute for each key and tells it how many calls it stands for. For what a peer can
 * cause at will, such as malformed messages.
 */
export function oncePerMinute(write: (key: string, times: number) => void, now: () => number = Date.now): (key: string) => void {
  const seen = new Map<string, { writtenAt: number; held: number }>()
  return (key) => {
    const known = seen.get(key) ?? { writtenAt: -Infinity, held: 0 }
    known.held++
    if (now() - known.writtenAt >= 60_000) {
      write(key, known.held)
      known.writtenAt = now()
      known.held = 0
    }
    if (seen.size < 1000 || seen.has(key)) seen.set(key, known)
  }
}
