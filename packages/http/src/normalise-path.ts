/**
 * The one spelling of a path, found before anything is matched or decided (RFC 3986 §6.2.2 and §5.2.4): escapes of
 * unreserved characters are decoded once, other escapes keep their meaning with capital digits, runs of `/` become
 * one and dot segments go, `%2e` spelled ones too. `%2F` stays an escape: it never separates segments. Decoding
 * happens once, so `%252e` stays what it is. A raw backslash or a byte above 0x7F is no URI character; upstreams
 * read them in different ways, so they become escapes.
 */
const SLASH = 0x2f
const DOT = 0x2e
const PERCENT = 0x25
const BACKSLASH = 0x5c
const CAPITAL_DIGITS = '0123456789ABCDEF'

const unreserved = new Uint8Array(256)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') unreserved[character.charCodeAt(0)] = 1

/**
 * The normalised path, or undefined for a path that is to be refused with `client.bad_path`: one without a leading
 * `/`, with a broken escape, `%00`, a raw control character, a space or a `#`. `path` is without query, a character
 * a byte (latin1) as `node:http` hands it. Runs on every request: one pass that answers the same string when there
 * is nothing to do.
 */
export function normalisePath(path: string): string | undefined {
  if (path.charCodeAt(0) !== SLASH) return undefined
  let needsEscapes = false
  let needsSegments = false
  const { length } = path
  for (let at = 0; at < length; at++) {
    const code = path.charCodeAt(at)
    if (code === SLASH) {
      if (!needsSegments && startsOddSegment(path, at + 1)) needsSegments = true
    } else if (code === PERCENT) {
      const byte = escapedByte(path, at)
      if (byte <= 0) return undefined
      if (!needsEscapes && (unreserved[byte] === 1 || !hasCapitalDigits(path, at))) needsEscapes = true
      at += 2
    } else if (code <= 0x20 || code === 0x7f || code === 0x23 || code > 0xff) return undefined
    else if (code === BACKSLASH || code > 0x7f) needsEscapes = true
  }
  if (needsEscapes) return withoutOddSegments(withCanonicalEscapes(path))
  return needsSegments ? withoutOddSegments(path) : path
}

/** Whether the segment at `start` is empty (and not the last), `.` or `..`. */
function startsOddSegment(path: string, start: number): boolean {
  const first = path.charCodeAt(start)
  if (first === SLASH) return true
  if (first !== DOT) return false
  let end = start + 1
  if (path.charCodeAt(end) === DOT) end++
  return end >= path.length || path.charCodeAt(end) === SLASH
}

/** The byte that the escape at `at` stands for; -1 when it is broken. */
function escapedByte(path: string, at: number): number {
  const high = hexDigit(path.charCodeAt(at + 1))
  const low = hexDigit(path.charCodeAt(at + 2))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

function hasCapitalDigits(path: string, at: number): boolean {
  return path.charCodeAt(at + 1) < 0x61 && path.charCodeAt(at + 2) < 0x61
}

function escapeOf(byte: number): string {
  return `%${CAPITAL_DIGITS[byte >> 4]}${CAPITAL_DIGITS[byte & 15]}`
}

function withCanonicalEscapes(path: string): string {
  let result = ''
  let copied = 0
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at)
    const isEscape = code === PERCENT
    if (!isEscape && code !== BACKSLASH && code <= 0x7f) continue
    const byte = isEscape ? escapedByte(path, at) : code
    result += path.slice(copied, at) + (unreserved[byte] === 1 ? String.fromCharCode(byte) : escapeOf(byte))
    if (isEscape) at += 2
    copied = at + 1
  }
  return result + path.slice(copied)
}

/** Merges slashes, then removes dot segments: `/a//../b` is `/b`, as the upstreams that merge read it. */
function withoutOddSegments(path: string): string {
  const kept: string[] = []
  const segments = path.split('/')
  for (let index = 1; index < segments.length; index++) {
    const segment = segments[index]!
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  const endsInFolder = last === '' || last === '.' || last === '..'
  return kept.length === 0 ? '/' : `/${kept.join('/')}${endsInFolder ? '/' : ''}`
}
