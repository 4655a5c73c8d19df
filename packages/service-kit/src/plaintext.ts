import { isLoopback, parseAddress } from './address.ts'

export interface Door {
  /** The variable it came from. */
  readonly setting: string
  /** A URL such as `nats://host:4222`, or a listen address. */
  readonly url: string
}

const encrypted = new Set(['tls:', 'rediss:', 'https:', 'wss:'])

/**
 * One problem for each door that would carry credentials in clear beyond this machine, unless `allowed`
 * (`SLUICE_ALLOW_PLAINTEXT=1`). Loopback and Unix sockets are no problem.
 */
export function plaintextProblems(doors: readonly Door[], allowed: boolean): string[] {
  if (allowed) return []
  return doors
    .filter((door) => !staysHere(door.url))
    .map((door) => `${door.setting}: ${withoutUser(door.url)} would be used without encryption off this machine; use TLS, or set SLUICE_ALLOW_PLAINTEXT=1`)
}

function staysHere(url: string): boolean {
  if (!url.includes('://')) return isLoopback(parseAddress(url))
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return encrypted.has(protocol) || isLoopback({ host: hostname.replace(/^\[|\]$/g, ''), port: 0 })
}

function withoutUser(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//')
}
