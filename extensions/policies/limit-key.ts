import { hash } from 'node:crypto'
import { ipv6Prefix } from '@sluice/http'
import { claimText } from './claim-text.ts'
import type { Exchange, Identity } from './exchange.ts'

/** What a key part counts apart, read from an exchange. */
type KeyPart = (exchange: Exchange) => string

/** An IPv6 client usually has its whole /64 to choose addresses from. */
const ipv6Bits = 64
const maxKeyLength = 128

/**
 * The function that names what a request is counted under. Parts that a client writes are kept apart by their
 * lengths, so that no value can pose as two; a long key is counted by its SHA-256.
 */
export function compileKey(parts: readonly string[]): KeyPart {
  const readers = parts.map(partReader)
  if (readers.length === 1) {
    const only = readers[0]!
    return (exchange) => bounded(only(exchange))
  }
  return (exchange) => {
    let key = ''
    for (const read of readers) {
      const text = read(exchange)
      key += `${text.length}:${text}`
    }
    return bounded(key)
  }
}

function partReader(part: string): KeyPart {
  if (part === 'consumer') return consumerOrAddress
  if (part === 'ip') return addressKey
  if (part === 'route') return ({ route }) => `r:${route.name}`
  const name = part.slice(part.indexOf(':') + 1)
  if (part.startsWith('claim:')) return ({ identity }) => `t:${claimText(identity, name)}`
  const lower = name.toLowerCase()
  return ({ request }) => `h:${request.headers.get(lower) ?? ''}`
}

function consumerOrAddress(exchange: Exchange): string {
  return exchange.identity === undefined ? addressKey(exchange) : consumerKey(exchange.identity)
}

/** An identity is the same object for as long as its credential is remembered, and a string that was looked up before is found at once. */
const consumerKeys = new WeakMap<Identity, string>()

function consumerKey(identity: Identity): string {
  let key = consumerKeys.get(identity)
  if (key === undefined) consumerKeys.set(identity, (key = `c:${identity.consumer}`))
  return key
}

function addressKey({ client }: Exchange): string {
  return `i:${ipv6Prefix(client.address, ipv6Bits)}`
}

function bounded(key: string): string {
  return key.length <= maxKeyLength ? key : `s:${hash('sha256', key, 'base64url')}`
}
