/** The heads of HTTP/1.1 messages, from latin-1 text to what the engine goes by (RFC 9112 §3, §4, §6). No I/O. */
import type { ErrorCode } from '@sluice/errors'
import { FieldSection, isTokenAt, isVisibleAt, type Framing } from './field-section.ts'

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
 * is wrong. More than one Host, or none in HTTP/1.1, is left to whoever needs the host.
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
  if (fields.isChunked && minor === 0) return 'client.framing_ambiguous'
  return {
    method: text.slice(from, methodEnd),
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
  if (minor < 0 || text.charCodeAt(from + 8) !== 0x20 || !/^[1-9]\d\d$/.test(statusText)) return undefined
  // RFC 9112 §4 wants the space before an empty reason phrase too; enough servers leave it out.
  if (lineEnd !== from + 12 && text.charCodeAt(from + 12) !== 0x20) return undefined
  const fields = new FieldSection()
  if (fields.read(text, lineEnd + 2, end - 2) !== undefined) return undefined
  const status = Number(statusText)
  const framing = responseFraming(status, fields, method)
  const persistent = minor === 1 ? !fields.closes : fields.keepsAlive && !fields.closes
  return { status, fields, framing, keepAlive: persistent && framing !== 'close' }
}

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
