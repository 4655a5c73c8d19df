import { readFileSync } from 'node:fs'
import { platform } from 'node:os'
import type { Logger } from '@sluice/service-kit'

const migration = '/proc/sys/net/ipv4/tcp_migrate_req'

/**
 * Says so in the log when connections can be lost with `SLUICE_REUSE_PORT`: those that the system has given to the socket
 * of a worker that ends go to another worker's only if it is told to (tcp_migrate_req, Linux 5.14 and later).
 */
export function warnOfResets(logger: Logger): void {
  if (platform() === 'linux' && readSetting() === '1') return
  logger.warn('SLUICE_REUSE_PORT: a connection that a worker has not accepted yet is reset when that worker ends; on Linux, net.ipv4.tcp_migrate_req=1 hands it to another one')
}

function readSetting(): string | undefined {
  try {
    return readFileSync(migration, 'utf8').trim()
  } catch {
    return undefined
  }
}
