import { isIPv4, isIPv6 } from 'node:net'

export interface Authority {
  /** In lower case, without a trailing dot; an IPv6 address stands in brackets. */
  readonly host: string
  readonly port: number | undefined
}

/**
 * Host and port of a `Host` field or an authority (RFC 9110 §7.2, RFC 3986 §3.2), undefined when it is none: empty,
 * with user information, a bad port, or a name of other than letters, digits, `-`, `_` and `.`. Stricter than
 * RFC 3986 on purpose: a name that DNS cannot hold only serves to be read differently by someone else. Throws nothing.
 */
export function parseHost(value: string): Authority | undefined {
  if (value.charCodeAt(0) === 0x5b) return parseBracketed(value)
  const colon = value.indexOf(':')
  const name = colon < 0 ? value : value.slice(0, colon)
  const port = colon < 0 ? undefined : parsePort(value.slice(colon + 1))
  if (port === false) return undefined
  const host = hostName(name)
  return host === undefined ? undefined : { host, port }
}

function parseBracketed(value: string): Authority | undefined {
  const end = value.indexOf(']')
  const address = value.slice(1, end)
  if (end < 0 || address.includes('%') || !isIPv6(address)) return undefined
  const rest = value.slice(end + 1)
  if (rest !== '' && rest.charCodeAt(0) !== 0x3a) return undefined
  const port = rest === '' ? undefined : parsePort(rest.slice(1))
  return port === false ? undefined : { host: `[${address.toLowerCase()}]`, port }
}

/** An empty port is the scheme's (RFC 3986 §3.2.3); `false` when it is no port. */
function parsePort(digits: string): number | undefined | false {
  if (digits === '') return undefined
  if (digits.length > 5) return false
  let port = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port > 0 && port <= 65535 ? port : false
}

function hostName(name: string): string | undefined {
  const length = name.charCodeAt(name.length - 1) === 0x2e ? name.length - 1 : name.length
  if (length < 1 || length > 253) return undefined
  let labelLength = 0
  let hasCapital = false
  for (let at = 0; at < length; at++) {
    const code = name.charCodeAt(at)
    if (code === 0x2e) {
      if (labelLength === 0) return undefined
      labelLength = 0
      continue
    }
    if (!isLabelCode(code) || ++labelLength > 63) return undefined
    if (code >= 0x41 && code <= 0x5a) hasCapital = true
  }
  if (labelLength === 0) return undefined
  const whole = length === name.length ? name : name.slice(0, length)
  if (endsNumeric(whole) && !isIPv4(whole)) return undefined
  return hasCapital ? whole.toLowerCase() : whole
}

function isLabelCode(code: number): boolean {
  const lower = code | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f
}

/** A name whose last label is a number is meant as an IPv4 address; `127.1` and `0x7f.1` are read by some as one. */
function endsNumeric(name: string): boolean {
  const start = name.lastIndexOf('.') + 1
  const first = name.charCodeAt(start)
  if (first < 0x30 || first > 0x39) return false
  return /^(\d+|0x[0-9a-f]*)$/i.test(name.slice(start))
}
