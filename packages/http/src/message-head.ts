/** The heads of HTTP/1.1 messages, from latin-1 text to what the engine goes by (RFC 9112 §3, §4, §6). No I/O. */
import type { ErrorCode } from '@sluice/errors'
import { FieldSection, isTextAt, isTokenAt, isVisibleAt, type Framing } from './field-section.ts'

export interface RequestHead {
  readonly method: string
  readonly target: string
  /** 0 or 1, of HTTP/1.x */
  readonly minor: number
  readonly fields: FieldSection
  readonly framing: Framing
  readonly keepAlive: boolean
}

export interface ResponseHead {
  readonly status: number
  readonly fields: FieldSection
  readonly framing: Framing
  readonly keepAlive: boolean
}

/**
 * Reads a request's head, `text` from `from` to `end`, where `end` is behind the empty line. Answers the head or what
 * is wrong. Whether the one Host is a host is left to whoever needs it.
 */
export function parseRequestHead(text: string, from: number, end: number): RequestHead | ErrorCode {
  const lineEnd = text.indexOf('\r\n', from)
  const methodEnd = text.indexOf(' ', from)
  if (methodEnd < 0 || methodEnd > lineEnd || !isTokenAt(text, from, methodEnd)) return 'client.bad_request'
  const targetEnd = text.indexOf(' ', methodEnd + 1)
  if (targetEnd < 0 || targetEnd > lineEnd || !isVisibleAt(text, methodEnd + 1, targetEnd)) return 'client.bad_request'
  const minor = minorVersion(text, targetEnd + 1, lineEnd)
  if (minor < 0) return 'client.bad_request'
  const fields = new FieldSection()
  const problem = fields.read(text, lineEnd + 2, end - 2)
  if (problem !== undefined) return problem
  // RFC 9112 §6.1: an HTTP/1.0 sender that codes its body has not understood what it sends.
  if (fields.isChunked && minor === 0) return 'client.framing_ambiguous'
  // RFC 9112 §3.2: exactly one in HTTP/1.1, whatever the form of the target.
  if (fields.hosts !== 1 && (minor === 1 || fields.hosts > 1)) return 'client.bad_host'
  return {
    method: methodAt(text, from, methodEnd),
    target: text.slice(methodEnd + 1, targetEnd),
    minor,
    fields,
    framing: fields.isChunked ? 'chunked' : fields.contentLength > 0 ? 'length' : 'none',
    keepAlive: minor === 1 ? !fields.closes : fields.keepsAlive && !fields.closes,
  }
}

/** Reads a response's head likewise; undefined when it is malformed. `method` is that of the request. */
export function parseResponseHead(text: string, from: number, end: number, method: string): ResponseHead | undefined {
  const lineEnd = text.indexOf('\r\n', from)
  const minor = minorVersion(text, from, from + 8)
  const statusText = text.slice(from + 9, from + 12)
  // RFC 9110 §15: nothing above 599 has a meaning.
  if (minor < 0 || text.charCodeAt(from + 8) !== 0x20 || !/^[1-5]\d\d$/.test(statusText)) return undefined
  // RFC 9112 §4 wants the space before an empty reason phrase too; enough servers leave it out.
  if (lineEnd !== from + 12 && text.charCodeAt(from + 12) !== 0x20) return undefined
  if (!isTextAt(text, from + 12, lineEnd)) return undefined
  const fields = new FieldSection()
  if (fields.read(text, lineEnd + 2, end - 2) !== undefined || (fields.isChunked && minor === 0)) return undefined
  const status = Number(statusText)
  const framing = responseFraming(status, fields, method)
  const persistent = minor === 1 ? !fields.closes : fields.keepsAlive && !fields.closes
  return { status, fields, framing, keepAlive: persistent && framing !== 'close' }
}

/** The usual ones are always the same string, of which V8 knows the hash. */
function methodAt(text: string, from: number, end: number): string {
  if (end - from === 3 && text.startsWith('GET', from)) return 'GET'
  if (end - from === 4 && text.startsWith('POST', from)) return 'POST'
  return text.slice(from, end)
}

/**
 * Whether the beginning of a head can never become one: a control character, a CR without LF, or a LF without CR.
 * `text` begins with the character before it, if there was one. Spares whoever sends something else the wait for
 * the end that never comes.
 */
export function isBrokenHead(text: string): boolean {
  return broken.test(text)
}

// oxlint-disable-next-line no-control-regex
const broken = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]|(?:^|[^\r])\n/

/** RFC 9112 §6.3, in its order. */
function responseFraming(status: number, fields: FieldSection, method: string): Framing {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  if (fields.isChunked) return 'chunked'
  if (fields.contentLength >= 0) return fields.contentLength === 0 ? 'none' : 'length'
  return 'close'
}

function minorVersion(text: string, from: number, to: number): number {
  if (to - from !== 8 || !text.startsWith('HTTP/1.', from)) return -1
  const minor = text.charCodeAt(from + 7) - 0x30
  return minor === 0 || minor === 1 ? minor : -1
}
