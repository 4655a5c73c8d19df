/**
 * The field lines of an HTTP/1.1 message, read strictly (RFC 9112 §5, RFC 9110 §5.5): a name is a token with the colon
 * right behind it, a value holds no control characters, nothing is folded, every line ends in CR LF. Works on latin-1
 * text, in one pass; what framing and routing need is noted on the way, so that nobody has to look it up again.
 */
import type { ErrorCode } from '@sluice/errors'

const TOKEN = 1
const VALUE = 2
const kinds = new Uint8Array(256)
for (let code = 0x20; code < 0x100; code++) if (code !== 0x7f) kinds[code] = VALUE
kinds[0x09] = VALUE
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") kinds[character.charCodeAt(0)]! |= TOKEN

export function isTokenAt(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if ((kinds[text.charCodeAt(at)]! & TOKEN) === 0) return false
  return to > from
}

export function isVisibleAt(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if (code <= 0x20 || code === 0x7f) return false
  }
  return to > from
}

/** How the end of a message's body is found. */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

export class FieldSection {
  /** Flat `[name, value, …]`, names as written. */
  readonly flat: string[] = []
  /** -1: there is no Content-Length. */
  contentLength = -1
  isChunked = false
  hosts = 0
  closes = false
  keepsAlive = false
  hasUpgrade = false
  expectsContinue = false
  private hasTransferEncoding = false

  /** Reads the lines between `from` and `to`, the end of the last line's CR LF. Answers what is wrong, or undefined. */
  read(text: string, from: number, to: number): ErrorCode | undefined {
    let at = from
    while (at < to) {
      const lineEnd = text.indexOf('\r\n', at)
      if (lineEnd < 0 || lineEnd >= to) return 'client.bad_request'
      const problem = this.readLine(text, at, lineEnd)
      if (problem !== undefined) return problem
      at = lineEnd + 2
    }
    return this.hasTransferEncoding && this.contentLength >= 0 ? 'client.framing_ambiguous' : undefined
  }

  private readLine(text: string, from: number, end: number): ErrorCode | undefined {
    let colon = from
    while (colon < end && (kinds[text.charCodeAt(colon)]! & TOKEN) !== 0) colon++
    if (colon === from || text.charCodeAt(colon) !== 0x3a || colon >= end) return 'client.bad_request'
    let start = colon + 1
    while (start < end && isBlank(text.charCodeAt(start))) start++
    let stop = end
    while (stop > start && isBlank(text.charCodeAt(stop - 1))) stop--
    for (let at = start; at < stop; at++) if ((kinds[text.charCodeAt(at)]! & VALUE) === 0) return 'client.bad_request'
    const name = text.slice(from, colon)
    const value = text.slice(start, stop)
    this.flat.push(name, value)
    return this.note(name, value)
  }

  /** Only names of these lengths matter here, so most fields cost one comparison. */
  private note(name: string, value: string): ErrorCode | undefined {
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === 'host') this.hosts++
        return undefined
      case 6:
        if (name.toLowerCase() === 'expect') this.expectsContinue = value.toLowerCase() === '100-continue'
        return undefined
      case 7:
        if (name.toLowerCase() === 'upgrade') this.hasUpgrade = true
        return undefined
      case 10:
        if (name.toLowerCase() === 'connection') this.noteConnection(value.toLowerCase())
        return undefined
      case 14:
        return name.toLowerCase() === 'content-length' ? this.noteLength(value) : undefined
      case 17:
        return name.toLowerCase() === 'transfer-encoding' ? this.noteCoding(value) : undefined
      default:
        return undefined
    }
  }

  private noteConnection(value: string): void {
    if (value === 'close') this.closes = true
    else if (value === 'keep-alive') this.keepsAlive = true
    else {
      for (const option of value.split(',')) {
        if (option.trim() === 'close') this.closes = true
        else if (option.trim() === 'keep-alive') this.keepsAlive = true
      }
    }
  }

  /** A second one, even of the same value, is refused: it is only ever there to be read differently (RFC 9112 §6.3). */
  private noteLength(value: string): ErrorCode | undefined {
    if (this.contentLength >= 0 || !/^\d{1,15}$/.test(value)) return 'client.framing_ambiguous'
    this.contentLength = Number(value)
    return undefined
  }

  /** Nothing but one `chunked`: other codings are not undone here, and their order is what smuggling lives on. */
  private noteCoding(value: string): ErrorCode | undefined {
    if (this.hasTransferEncoding || value.toLowerCase() !== 'chunked') return 'client.framing_ambiguous'
    this.hasTransferEncoding = true
    this.isChunked = true
    return undefined
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
