import { isIP } from 'node:net'

/** The address of whoever comes over a Unix socket, in the word of RFC 7239 §6.3. Who may open the socket's file is trusted. */
export const unixPeer = 'unknown'

/**
 * The address as it is compared, logged and counted: an IPv4 address that a dual-stack socket wrote as IPv6 is IPv4
 * again (RFC 4291 §2.5.5.2), a zone id (`%eth0`) is dropped, letters are small. What is no address stays as it is.
 */
export function normaliseAddress(address: string): string {
  if (!address.includes(':')) return address
  const zone = address.indexOf('%')
  const plain = (zone < 0 ? address : address.slice(0, zone)).toLowerCase()
  if (!plain.startsWith('::ffff:') && !plain.startsWith('0:0:0:0:0:ffff:')) return plain
  const groups = ipv6Groups(plain)
  if (groups === undefined || groups[5] !== 0xffff) return plain
  return `${groups[6]! >> 8}.${groups[6]! & 255}.${groups[7]! >> 8}.${groups[7]! & 255}`
}

/**
 * The network an IPv6 address lies in, spelled in one way: `2001:db8:0:1::/64`. An IPv4 address, and what is no
 * address, is answered unchanged. Limits count by it: whoever has one IPv6 address usually has the whole /64.
 */
export function ipv6Prefix(address: string, bits: number): string {
  if (!address.includes(':')) return address
  const groups = ipv6Groups(address)
  if (groups === undefined) return address
  const whole = bits >> 4
  const partial = bits & 15
  const kept: string[] = []
  for (let index = 0; index < whole; index++) kept.push(groups[index]!.toString(16))
  if (partial > 0) kept.push((groups[whole]! & (0xffff << (16 - partial)) & 0xffff).toString(16))
  return `${kept.join(':')}${kept.length < 8 ? '::' : ''}/${bits}`
}

/** An IPv4 address as a number of 32 bits; undefined when it is none. Strict: four decimal numbers without leading zeros. */
export function ipv4Number(address: string): number | undefined {
  let [value, part, digits, parts] = [0, 0, 0, 1]
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index)
    if (code === 0x2e && digits > 0) {
      value = value * 256 + part
      part = digits = 0
      parts++
    } else if (code >= 0x30 && code <= 0x39 && (digits === 0 || part > 0)) {
      part = part * 10 + code - 0x30
      digits++
      if (part > 255) return undefined
    } else return undefined
  }
  return parts === 4 && digits > 0 ? value * 256 + part : undefined
}

/** The eight 16-bit groups of an IPv6 address (RFC 4291 §2.2), without its zone; undefined when it is none. */
export function ipv6Groups(address: string): number[] | undefined {
  const zone = address.indexOf('%')
  if (zone >= 0) return isIP(address) === 6 ? ipv6Groups(address.slice(0, zone)) : undefined
  const groups: number[] = []
  let gap = -1
  let index = 0
  if (address.startsWith('::')) [gap, index] = [0, 2]
  while (index < address.length) {
    const end = groupEnd(address, index)
    const next = address.charCodeAt(end)
    if (next === 0x2e) {
      const tail = ipv4Number(address.slice(index))
      if (tail === undefined) return undefined
      groups.push(tail >>> 16, tail & 0xffff)
      break
    }
    if (end === index || end - index > 4 || (end < address.length && next !== 0x3a)) return undefined
    groups.push(hexNumber(address, index, end))
    if (end === address.length) break
    index = end + 1
    if (address.charCodeAt(index) === 0x3a && gap < 0) gap = groups.length
    else if (index < address.length) continue
    else return undefined
    index++
  }
  return withGap(groups, gap)
}

function withGap(groups: number[], gap: number): number[] | undefined {
  if (gap < 0) return groups.length === 8 ? groups : undefined
  const missing = 8 - groups.length
  // "::" stands for one group at least.
  if (missing < 1) return undefined
  groups.splice(gap, 0, ...zeros.slice(0, missing))
  return groups
}

const zeros: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0]

/** Where the hexadecimal digits from `index` on end. */
function groupEnd(text: string, index: number): number {
  let end = index
  while (hexDigit(text.charCodeAt(end)) >= 0) end++
  return end
}

function hexNumber(text: string, from: number, end: number): number {
  let value = 0
  for (let index = from; index < end; index++) value = value * 16 + hexDigit(text.charCodeAt(index))
  return value
}

/** -1 for what is no digit, and beyond the end of a text. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const small = code | 0x20
  return small >= 0x61 && small <= 0x66 ? small - 0x57 : -1
}
