import { type Logger, oncePerMinute } from '@sluice/service-kit'

/** Says in the log that an issuer could not be asked, once a minute an issuer, with the newest reason. */
export function issuerWarnings(logger: Logger, message: string): (issuer: string, reason: string) => void {
  let newest = ''
  const warn = oncePerMinute((issuer, times) => logger.warn({ issuer, times, reason: newest }, message))
  return (issuer, reason) => {
    newest = reason
    warn(issuer)
  }
}
