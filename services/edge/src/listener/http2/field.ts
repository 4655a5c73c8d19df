/** One field as HPACK's tables keep it, with what it is to a request: that is found out once, when it is decoded, and not each time it is referred to. */
import { isFieldName, isFieldValue } from '@sluice/http'

/** What a field is to a request. `malformed`: RFC 9113 §8.2 and §8.3 forbid it in one. */
export const fieldKinds = {
  plain: 0, malformed: 1, method: 2, scheme: 3, path: 4, authority: 5, protocol: 6, host: 7, cookie: 8, contentLength: 9, expect: 10, contentType: 11, te: 12,
} as const

type FieldKind = (typeof fieldKinds)[keyof typeof fieldKinds]

export class Field {
  readonly name: string
  readonly value: string
  /** As RFC 7541 §4.1 counts it. */
  readonly size: number
  readonly kind: FieldKind

  /** Both of latin-1 characters, one for each byte. */
  constructor(name: string, value: string) {
    this.name = name
    this.value = value
    this.size = name.length + value.length + 32
    this.kind = kindOf(name, value)
  }
}

/** By name: what a field of it is, when its value is right; those that belong to a connection of HTTP/1.1 never are (RFC 9113 §8.2.2). */
const special = new Map<string, { readonly kind: FieldKind; readonly isRight: (value: string) => boolean }>([
  [':method', { kind: fieldKinds.method, isRight: isFieldName }],
  [':scheme', { kind: fieldKinds.scheme, isRight: (value) => /^[a-z][a-z0-9+.-]*$/i.test(value) }],
  // No other form of a target: an absolute one could name another host than `:authority`.
  [':path', { kind: fieldKinds.path, isRight: (value) => value === '*' || (value.charCodeAt(0) === 0x2f && isVisible(value)) }],
  [':authority', { kind: fieldKinds.authority, isRight: isVisible }],
  [':protocol', { kind: fieldKinds.protocol, isRight: isFieldName }],
  ['host', { kind: fieldKinds.host, isRight: isRightValue }],
  ['cookie', { kind: fieldKinds.cookie, isRight: isRightValue }],
  ['content-length', { kind: fieldKinds.contentLength, isRight: (value) => /^\d{1,15}$/.test(value) }],
  ['expect', { kind: fieldKinds.expect, isRight: isRightValue }],
  ['content-type', { kind: fieldKinds.contentType, isRight: isRightValue }],
  ['te', { kind: fieldKinds.te, isRight: (value) => value.toLowerCase() === 'trailers' }],
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) => [name, { kind: fieldKinds.malformed, isRight: () => false }] as const),
])

function kindOf(name: string, value: string): FieldKind {
  const known = special.get(name)
  if (known !== undefined) return known.isRight(value) ? known.kind : fieldKinds.malformed
  return isFieldName(name) && !hasCapital(name) && isRightValue(value) ? fieldKinds.plain : fieldKinds.malformed
}

function hasCapital(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code >= 0x41 && code <= 0x5a) return true
  }
  return false
}

/** RFC 9113 §8.2.1: no control characters, no blanks around it. */
function isRightValue(value: string): boolean {
  return isFieldValue(value) && !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1))
}

/** Goes into a request line of HTTP/1.1, where a blank would end it. */
function isVisible(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code <= 0x20 || code === 0x7f) return false
  }
  return true
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
