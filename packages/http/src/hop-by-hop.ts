import { isNamed } from './field-syntax.ts'
import type { HeaderFields } from './header-fields.ts'

/** RFC 9110 §7.6.1, with the older `Keep-Alive` and `Proxy-Connection`; `TE` only ever concerns the next hop. */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-authenticate', 'proxy-authorization']

/** By length, a bit for each first letter that such a name can have: tells the other fields apart without copying their names. */
const firstLetters = new Int32Array(32)
for (const name of hopByHop) firstLetters[name.length]! |= letterBit(name)

function letterBit(name: string): number {
  return 1 << (name.charCodeAt(0) & 31)
}

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
  const listed = listedNames(fields)
  let kept = 0
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!
    let value = flat[at + 1]!
    if (isDropped(name, listed)) {
      if (!acceptsTrailers(name, value)) continue
      value = 'trailers'
    }
    if (kept !== at || value === 'trailers') {
      flat[kept] = name
      flat[kept + 1] = value
    }
    kept += 2
  }
  // Taking off one by one is compiled code; setting the length of an array is a call into the runtime.
  while (flat.length > kept) flat.pop()
}

function isDropped(name: string, listed: ReadonlySet<string> | undefined): boolean {
  if (listed === undefined && ((firstLetters[name.length] ?? 0) & letterBit(name)) === 0) return false
  // A Set would have to find the one copy of each name that V8 keeps, which costs more than to compare them all.
  for (const one of hopByHop) if (isNamed(name, one)) return true
  return listed !== undefined && listed.has(name.toLowerCase())
}

function acceptsTrailers(name: string, value: string): boolean {
  return name.length === 2 && name.toLowerCase() === 'te' && value.toLowerCase().split(',').some((coding) => coding.trim() === 'trailers')
}

function listedNames(fields: HeaderFields): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined
  for (let at = fields.indexOf('connection', 0); at >= 0; at = fields.indexOf('connection', at + 2)) {
    const value = fields.flat[at + 1]!
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
