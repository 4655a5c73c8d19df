/**
 * A hash of an IPv4 address as it is written, or of the first four groups of an IPv6 address, whatever its spelling
 * (RFC 5952): a host changes the rest of it daily (RFC 8981), a whole `/64` is one subscriber's or one link's.
 * Allocates nothing.
 */
import { hashText, mixHash } from '../hash-text.ts'

const colon = 0x3a
const networkGroups = 4

export function hashAddress(address: string): number {
  return address.includes(':') ? hashNetwork(address) : hashText(address)
}

function hashNetwork(address: string): number {
  let hash = 0
  let group = 0
  let groups = 0
  for (let index = 0; index < address.length && groups < networkGroups; index++) {
    const code = address.charCodeAt(index)
    if (code !== colon) {
      group = group * 16 + digitOf(code)
      continue
    }
    hash = mixHash(hash ^ group)
    group = 0
    groups++
    if (address.charCodeAt(index + 1) === colon) return hashGap(hash, groups, address, index + 2)
  }
  return hash
}

/** `::` stands for as many zero groups as are missing; what follows it may still reach into the first four. */
function hashGap(hash: number, groups: number, address: string, from: number): number {
  let after = from < address.length ? 1 : 0
  for (let index = from; index < address.length; index++) if (address.charCodeAt(index) === colon) after++
  const zeros = Math.min(8 - groups - after, networkGroups - groups)
  for (let zero = 0; zero < zeros; zero++) hash = mixHash(hash)
  return hashRest(hash, networkGroups - groups - Math.max(0, zeros), address, from)
}

function hashRest(hash: number, left: number, address: string, from: number): number {
  let group = 0
  for (let index = from; index <= address.length && left > 0; index++) {
    const code = index === address.length ? colon : address.charCodeAt(index)
    if (code === colon) {
      hash = mixHash(hash ^ group)
      group = 0
      left--
    } else group = group * 16 + digitOf(code)
  }
  return hash
}

/** A hexadecimal digit's value, in either case. */
function digitOf(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57
}
