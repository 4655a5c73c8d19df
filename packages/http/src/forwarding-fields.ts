/**
 * The fields by which an upstream learns who asked, and how: `X-Forwarded-For/-Proto/-Host/-Port`, `Forwarded`
 * (RFC 7239) and `Via` (RFC 9110 §7.6.3). What an untrusted peer sent of the first two kinds is dropped, with
 * `X-Real-IP` and every other `X-Forwarded-` field; a trusted peer's chain is continued. `Via` is no claim about the client and
 * is continued always, as the RFC demands.
 */
import { type ForwardedElement, nodeAddress, parseForwarded, parseForwardedFor } from './forwarded.ts'
import { HeaderFields } from './header-fields.ts'
import { parseHost } from './host.ts'
import { tokenOrQuoted } from './quoted.ts'

export interface ForwardingFacts {
  /** The address at the other end of the connection, normalised. */
  readonly peer: string
  /** Whether `peer` is in `trustedProxies`. */
  readonly trusted: boolean
  /** The scheme of this connection. */
  readonly scheme: 'http' | 'https'
  /** Host as the client wrote it, port included. */
  readonly host: string
  /** The port this connection came in on. */
  readonly port: number
}

/**
 * Replaces the forwarding fields of a request by those for the upstream. Works in place, once a request.
 * Throws `client.forwarded_malformed` for a trusted peer's field that cannot be read.
 */
export function writeForwardingFields(fields: HeaderFields, facts: ForwardingFacts): void {
  const believed = facts.trusted ? takeForwardingFields(fields) : undefined
  if (!facts.trusted) dropForwardingFields(fields.flat)
  if (believed === undefined || believed.count === 0) startChain(fields.flat, facts)
  else continueChain(fields.flat, believed, facts)
}

/** The scheme that a trusted peer says the client used. Undefined when it reports none that is known. */
export function forwardedScheme(fields: HeaderFields): 'http' | 'https' | undefined {
  const reported = fields.get('x-forwarded-proto') ?? farthest(fields)?.proto
  if (reported === undefined) return undefined
  const first = reported.split(',', 1)[0]!.trim().toLowerCase()
  return first === 'http' || first === 'https' ? first : undefined
}

/** Adds this gateway to the chain of `Via`; `version` is that of the message received: `1.1`, `2.0`. */
export function appendVia(fields: HeaderFields, version: string): void {
  const at = fields.indexOf('via', 0)
  const own = version === '1.1' ? '1.1 sluice' : `${version} sluice`
  if (at < 0) fields.flat.push('Via', own)
  else fields.set('Via', `${fields.getAll('via').join(', ')}, ${own}`)
}

function startChain(flat: string[], facts: ForwardingFacts): void {
  const { peer, scheme, host, port } = facts
  if (last.peer !== peer || last.host !== host || last.port !== port || last.scheme !== scheme) {
    last = { peer, scheme, host, port, element: elementOf(facts), portText: String(port) }
  }
  flat.push('X-Forwarded-For', peer, 'X-Forwarded-Proto', scheme, 'X-Forwarded-Host', host)
  flat.push('X-Forwarded-Port', last.portText, 'Forwarded', last.element)
}

/** Requests of one connection, and often of one client, tell the same: what is put together for one is kept for the next. */
let last = { peer: '', scheme: '', host: '', port: -1, element: '', portText: '' }

function continueChain(flat: string[], believed: HeaderFields, facts: ForwardingFacts): void {
  const reported = farthest(believed)
  const host = believed.get('x-forwarded-host') ?? reported?.host
  const port = believed.get('x-forwarded-port')
  const chain = chainOf(believed)
  flat.push('X-Forwarded-For', [...chain.hops, facts.peer].join(', '))
  flat.push('X-Forwarded-Proto', forwardedScheme(believed) ?? facts.scheme)
  flat.push('X-Forwarded-Host', host !== undefined && parseHost(host) !== undefined ? host : facts.host)
  flat.push('X-Forwarded-Port', port !== undefined && /^\d{1,5}$/.test(port) ? port : String(facts.port))
  flat.push('Forwarded', `${chain.elements}, ${elementOf(facts)}`.replace(/^, /, ''))
}

/** The farthest element of `Forwarded`, unless the peer writes `X-Forwarded-For` and may have passed `Forwarded` on unread. */
function farthest(fields: HeaderFields): ForwardedElement | undefined {
  if (!fields.has('forwarded') || fields.has('x-forwarded-for')) return undefined
  return parseForwarded(fields.getAll('forwarded').join(','))[0]
}

/** The chain in both spellings. Where the two fields tell different hops, `X-Forwarded-For` is believed and `Forwarded` is written anew from it. */
function chainOf(believed: HeaderFields): { hops: string[]; elements: string } {
  const written = believed.getAll('forwarded').join(', ')
  const told = parseForwarded(written).map((element) => element.for ?? 'unknown')
  if (!believed.has('x-forwarded-for')) return { hops: told.map(plainNode), elements: written }
  const hops = parseForwardedFor(believed.getAll('x-forwarded-for'))
  const agree = hops.length === told.length && hops.every((hop, index) => plainNode(hop) === plainNode(told[index]!))
  return { hops, elements: agree ? written : hops.map((hop) => `for=${forNode(plainNode(hop))}`).join(', ') }
}

function plainNode(node: string): string {
  return nodeAddress(node) ?? (/^_[A-Za-z0-9._-]+$/.test(node) ? node : 'unknown')
}

function elementOf(facts: ForwardingFacts): string {
  return `for=${forNode(facts.peer)};host=${tokenOrQuoted(facts.host)};proto=${facts.scheme}`
}

/** RFC 7239 §6: an IPv6 address stands in brackets and quotes. */
function forNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

function isForwardingField(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20
  if (name.length < 9 || (first !== 0x66 && first !== 0x78)) return false
  const lower = name.toLowerCase()
  return lower === 'forwarded' || lower === 'x-real-ip' || lower.startsWith('x-forwarded-')
}

function dropForwardingFields(flat: string[]): void {
  let kept = 0
  for (let at = 0; at < flat.length; at += 2) {
    if (isForwardingField(flat[at]!)) continue
    if (kept < at) {
      flat[kept] = flat[at]!
      flat[kept + 1] = flat[at + 1]!
    }
    kept += 2
  }
  while (flat.length > kept) flat.pop()
}

const rewritten = new Set(['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'])

/** Takes the fields that are written anew out of `fields`; a trusted peer's others, such as X-Forwarded-Prefix, stay. */
function takeForwardingFields(fields: HeaderFields): HeaderFields {
  const { flat } = fields
  const taken: string[] = []
  let kept = 0
  for (let at = 0; at < flat.length; at += 2) {
    if (rewritten.has(flat[at]!.toLowerCase())) {
      taken.push(flat[at]!, flat[at + 1]!)
      continue
    }
    flat[kept++] = flat[at]!
    flat[kept++] = flat[at + 1]!
  }
  flat.length = kept
  return new HeaderFields(taken)
}
