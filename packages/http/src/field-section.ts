/**
 * The field lines of an HTTP/1.1 message, read strictly (RFC 9112 §5, RFC 9110 §5.5): a name is a token with the colon
 * right behind it, a value holds no control characters, nothing is folded, every line ends in CR LF. Works on latin-1
 * text, in one pass; what framing and routing need is noted on the way, so that nobody has to look it up again.
 */
import type { ErrorCode } from '@sluice/errors'

/** More than anybody sends; what a message costs must not grow with how many lines fit into its head. */
const maxLines = 1000

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

/** Whether all of it may stand in a field's value or a reason phrase: no control character but the tab (RFC 9110 §5.5). */
export function isTextAt(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if ((kinds[text.charCodeAt(at)]! & VALUE) === 0) return false
  return true
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
  /** The protocols that Upgrade names, in lower case, and whether Connection speaks of them (RFC 9110 §7.8). */
  upgrade = ''
  asksUpgrade = false
  /** `TE: trailers` */
  acceptsTrailers = false
  expectsContinue = false
  /** Something other than 100-continue, which nobody here can meet. */
  expectsUnknown = false
  private hasTransferEncoding = false

  /** Reads the lines between `from` and `to`, the end of the last line's CR LF. Answers what is wrong, or undefined. */
  read(text: string, from: number, to: number): ErrorCode | undefined {
    let at = from
    let lines = 0
    while (at < to) {
      if (++lines > maxLines) return 'client.too_many_headers'
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
    if (!isTextAt(text, start, stop)) return 'client.bad_request'
    const name = text.slice(from, colon)
    const value = text.slice(start, stop)
    this.flat.push(name, value)
    return this.note(name, value)
  }

  /** Only names of these lengths matter here, so most fields cost one comparison. */
  private note(name: string, value: string): ErrorCode | undefined {
    switch (name.length) {
      case 2:
        if (name.toLowerCase() === 'te' && hasOption(value, 'trailers')) this.acceptsTrailers = true
        return undefined
      case 4:
        if (name.toLowerCase() === 'host') this.hosts++
        return undefined
      case 6:
        if (name.toLowerCase() === 'expect') this.noteExpectation(value.toLowerCase())
        return undefined
      case 7:
        if (name.toLowerCase() === 'upgrade') this.upgrade += `${value.toLowerCase()},`
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
    if (value === 'keep-alive') this.keepsAlive = true
    else if (value === 'close') this.closes = true
    else {
      if (hasOption(value, 'close')) this.closes = true
      if (hasOption(value, 'keep-alive')) this.keepsAlive = true
      if (hasOption(value, 'upgrade')) this.asksUpgrade = true
    }
  }

  private noteExpectation(value: string): void {
    if (value === '100-continue') this.expectsContinue = true
    else this.expectsUnknown = true
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

/** Whether a list of tokens holds `option` (lower case), blanks around it aside (RFC 9110 §5.6.1). */
export function hasOption(list: string, option: string): boolean {
  for (const part of list.toLowerCase().split(',')) {
    let from = 0
    let to = part.length
    while (from < to && isBlank(part.charCodeAt(from))) from++
    while (to > from && isBlank(part.charCodeAt(to - 1))) to--
    if (to - from === option.length && part.startsWith(option, from)) return true
  }
  return false
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
