/**
 * `Forwarded` (RFC 7239) and `X-Forwarded-For`: reading the chain of hops, and finding the client in it. Only what a
 * trusted peer sent is ever read; anyone can write these fields.
 */
import { isIP } from 'node:net'
import { SluiceError } from '@sluice/errors'
import { normaliseAddress, unixPeer } from './addresses.ts'
import type { CidrSet } from './cidr-set.ts'
import type { HeaderFields } from './header-fields.ts'

/** One hop as `Forwarded` describes it; values are unquoted, names in lower case. */
export interface ForwardedElement {
  readonly for?: string
  readonly by?: string
  readonly host?: string
  readonly proto?: string
}

/** More hops than any real chain has; a longer field is refused before it costs anything. */
const MAX_HOPS = 64

const pairPattern = /[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z:[\]-]+)|"((?:[^"\\]|\\.)*)")[ \t]*/y

/**
 * The elements of a `Forwarded` field, from the farthest hop to the nearest. An IPv6 address or a port without the
 * quotes that RFC 7239 §6 asks for is taken, since many write it so. Throws `client.forwarded_malformed`.
 */
export function parseForwarded(value: string): ForwardedElement[] {
  const elements: ForwardedElement[] = []
  let at = 0
  while (at < value.length) {
    const element: Record<string, string> = {}
    at = readElement(value, at, element)
    if (Object.keys(element).length > 0) elements.push(element)
    if (elements.length > MAX_HOPS) throw malformed()
  }
  return elements
}

function readElement(value: string, start: number, element: Record<string, string>): number {
  let at = start
  for (;;) {
    pairPattern.lastIndex = at
    const pair = pairPattern.exec(value)
    if (pair !== null) {
      const name = pair[1]!.toLowerCase()
      if (Object.hasOwn(element, name)) throw malformed()
      element[name] = pair[2] ?? pair[3]!.replace(/\\(.)/g, '$1')
      at = pairPattern.lastIndex
    } else while (value[at] === ' ' || value[at] === '\t') at++
    if (at >= value.length) return at
    const separator = value[at++]
    if (separator === ',') return at
    if (separator !== ';') throw malformed()
  }
}

function malformed(): SluiceError {
  return new SluiceError('client.forwarded_malformed')
}

/** The hops of `X-Forwarded-For` values, from the farthest to the nearest. Throws `client.forwarded_malformed`. */
export function parseForwardedFor(values: readonly string[]): string[] {
  const hops: string[] = []
  for (const value of values) {
    for (const part of value.split(',')) {
      const hop = part.trim()
      if (hop !== '') hops.push(hop)
    }
    if (hops.length > MAX_HOPS) throw malformed()
  }
  return hops
}

/** The address of a node such as `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`; undefined for `unknown`, `_hidden` and anything else. */
export function nodeAddress(node: string): string | undefined {
  const bracketed = /^\[([^\]]*)\](:\w+)?$/.exec(node)
  const colon = node.indexOf(':')
  const hasPort = bracketed === null && colon >= 0 && colon === node.lastIndexOf(':')
  const address = bracketed?.[1] ?? (hasPort ? node.slice(0, colon) : node)
  return isIP(address) === 0 ? undefined : normaliseAddress(address)
}

/**
 * The hops that a trusted peer reports, from the farthest to the nearest. With both fields, `X-Forwarded-For` is
 * believed: a proxy that only knows that one passes a client's own `Forwarded` on unread.
 * Throws `client.forwarded_malformed`. Allocates nothing when neither field is there.
 */
export function forwardedHops(fields: HeaderFields): readonly string[] {
  if (fields.has('x-forwarded-for')) return parseForwardedFor(fields.getAll('x-forwarded-for'))
  if (!fields.has('forwarded')) return noHops
  return parseForwarded(fields.getAll('forwarded').join(',')).map((element) => element.for ?? 'unknown')
}

const noHops: readonly string[] = []

/**
 * The address to treat as the client's, read from `Forwarded` (RFC 7239 §4) or `X-Forwarded-For`. `hops` runs from
 * the farthest to the nearest. Walks back while the nearest is in `trusted`; a hop that is no address ends the walk,
 * since what lies behind it was reported by nobody known. With no trusted peer the hops are ignored.
 * Runs once per request; allocates nothing when `hops` is empty.
 */
export function clientAddress(peer: string, hops: readonly string[], trusted: CidrSet): string {
  let address = normaliseAddress(peer)
  for (let index = hops.length - 1; index >= 0 && (address === unixPeer || trusted.contains(address)); index--) {
    const hop = nodeAddress(hops[index]!)
    if (hop === undefined) break
    address = hop
  }
  return address
}
