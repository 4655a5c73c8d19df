import type { HeaderFields } from './header-fields.ts'

/** RFC 9110 §7.6.1, with the older `Keep-Alive` and `Proxy-Connection`; `TE` only ever concerns the next hop. */
const hopByHop = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-authenticate', 'proxy-authorization',
])

const hopByHopLengths = new Uint8Array(32)
for (const name of hopByHop) hopByHopLengths[name.length] = 1

/**
 * Fields that `Connection` must not take away: naming one there is an old way to make a gateway drop what the
 * next hop decides by (RFC 9110 §7.6.1 forbids senders to list end-to-end fields).
 */
const relied = new Set([
  'host', 'content-length', 'content-type', 'content-encoding', 'authorization', 'cookie', 'set-cookie', 'cache-control',
  'forwarded', 'via', 'traceparent', 'tracestate', 'x-request-id', 'x-real-ip', 'x-api-key', 'www-authenticate', 'origin', 'range', 'expect',
])
const reliedPrefixes = ['x-forwarded-', 'x-consumer', 'access-control-', 'x-ratelimit-']

/**
 * Removes what concerns only the connection the message came on: the hop-by-hop fields and those that `Connection`
 * lists, unless the gateway or an upstream decides by them. `TE: trailers` stays, other codings go. A request's are
 * removed before the policies run, so that a client cannot list away what a policy sets. Works in place; one pass,
 * which allocates nothing for an ordinary message.
 */
export function removeHopByHop(fields: HeaderFields): void {
  const { flat } = fields
  const listed = fields.has('connection') ? listedNames(fields.getAll('connection')) : undefined
  let kept = 0
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!
    if (isDropped(name, listed)) {
      if (acceptsTrailers(name, flat[at + 1]!)) {
        flat[kept++] = name
        flat[kept++] = 'trailers'
      }
      continue
    }
    flat[kept++] = name
    flat[kept++] = flat[at + 1]!
  }
  flat.length = kept
}

function isDropped(name: string, listed: ReadonlySet<string> | undefined): boolean {
  if (listed === undefined && hopByHopLengths[name.length] !== 1) return false
  const lower = name.toLowerCase()
  return hopByHop.has(lower) || (listed !== undefined && listed.has(lower))
}

function acceptsTrailers(name: string, value: string): boolean {
  return name.length === 2 && name.toLowerCase() === 'te' && value.toLowerCase().split(',').some((coding) => coding.trim() === 'trailers')
}

function listedNames(values: readonly string[]): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined
  for (const value of values) {
    if (isOrdinary(value)) continue
    for (const part of value.split(',')) {
      const name = part.trim().toLowerCase()
      if (!isRelied(name)) (names ??= new Set()).add(name)
    }
  }
  return names
}

function isOrdinary(value: string): boolean {
  return value === 'keep-alive' || value === 'close' || value === 'Keep-Alive'
}

function isRelied(name: string): boolean {
  return relied.has(name) || reliedPrefixes.some((prefix) => name.startsWith(prefix))
}
