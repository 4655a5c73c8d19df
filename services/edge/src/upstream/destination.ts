import type { LookupFunction } from 'node:net'

/** Where the connections to an endpoint go, as `net.connect` takes it: a host's addresses in turn (RFC 8305), or a Unix socket. */
export type Destination =
  | { readonly path: string }
  | { readonly host: string; readonly port: number; readonly autoSelectFamily: true; readonly autoSelectFamilyAttemptTimeout: number; readonly lookup?: LookupFunction }

/** Before the next address is tried beside one that has not answered (RFC 8305 §5). */
const attemptDelayMs = 250

/** Of `http://host:port`, `https://host:port` or `unix:PATH`. `lookup`: who resolves names [the system]. */
export function destinationOf(origin: string, lookup?: LookupFunction): Destination {
  if (origin.startsWith('unix:')) return { path: origin.slice(5) }
  const { hostname, port, protocol } = new URL(origin)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: attemptDelayMs,
    ...(lookup === undefined ? {} : { lookup }),
  }
}
