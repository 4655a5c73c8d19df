/**
 * What a proxy in front puts before the first byte of a connection, to say whose it is: the PROXY protocol, version 1
 * (§2.1 of its specification by HAProxy, 2020) and 2 (§2.2). Bytes in, an outcome out; no I/O. Read strictly: one
 * spelling of each number, addresses of the family that is named. The additional values of version 2 (TLV) are passed over.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'

export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  /** It is none, or not one that can be read. */
  | { readonly kind: 'bad' }
  /** `source`: whose connection it is; undefined when it is the proxy's own, or the proxy does not know. */
  | { readonly kind: 'complete'; readonly length: number; readonly source: string | undefined }

/** A header of version 1 with its line end (§2.1). */
const maxTextBytes = 107
/** A header of version 2 with its additional values: far more than proxies send. */
const maxBinaryBytes = 4096

const textStart = Buffer.from('PROXY ')
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const binaryHeadBytes = 16

const incomplete: ProxyHeader = { kind: 'incomplete' }
const bad: ProxyHeader = { kind: 'bad' }

/** Reads the header at the beginning of `bytes`, which may hold more. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsWith(bytes, textStart)) return bytes.length < textStart.length ? incomplete : readText(bytes)
  if (beginsWith(bytes, signature)) return bytes.length < binaryHeadBytes ? incomplete : readBinary(bytes)
  return bad
}

/** As far as both go. */
function beginsWith(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

function readText(bytes: Buffer): ProxyHeader {
  const text = bytes.toString('latin1', 0, maxTextBytes)
  const end = text.indexOf('\r\n')
  if (end < 0) return bytes.length < maxTextBytes ? incomplete : bad
  const length = end + 2
  const [, family, source = '', destination = '', ...ports] = text.slice(0, end).split(' ')
  // What follows an unknown family is to be ignored.
  if (family === 'UNKNOWN') return { kind: 'complete', length, source: undefined }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : undefined
  const isWhole = isAddress !== undefined && isAddress(source) && isAddress(destination) && ports.length === 2 && ports.every(isPort)
  return isWhole ? { kind: 'complete', length, source: spelled(source) } : bad
}

function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

const ipv4Stream = 0x11
const ipv6Stream = 0x21
const unixStream = 0x31
/** Bytes of both addresses and ports. */
const addressBytes: Readonly<Record<number, number>> = { 0: 0, [ipv4Stream]: 12, [ipv6Stream]: 36, [unixStream]: 216 }

function readBinary(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes[12]!
  const family = bytes[13]!
  const length = binaryHeadBytes + bytes.readUInt16BE(14)
  const isLocal = versionAndCommand === 0x20
  const needed = isLocal ? 0 : addressBytes[family]
  if ((!isLocal && versionAndCommand !== 0x21) || needed === undefined || length < binaryHeadBytes + needed || length > maxBinaryBytes) return bad
  if (bytes.length < length) return incomplete
  return { kind: 'complete', length, source: isLocal ? undefined : sourceOf(bytes, family) }
}

function sourceOf(bytes: Buffer, family: number): string | undefined {
  if (family === ipv4Stream) return bytes.subarray(16, 20).join('.')
  if (family !== ipv6Stream) return undefined
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(16 + 2 * index).toString(16))
  return spelled(groups.join(':'))
}

/** An IPv6 address in the one spelling of RFC 5952, as sockets tell theirs. */
function spelled(address: string): string {
  return address.includes(':') ? new SocketAddress({ address, family: 'ipv6' }).address : address
}
