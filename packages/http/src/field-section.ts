/**
 * The field lines of an HTTP/1.1 message, read strictly (RFC 9112 §5, RFC 9110 §5.5): a name is a token with the colon
 * right behind it, a value holds no control characters, nothing is folded, every line ends in CR LF. Works on latin-1
 * text, in one pass; what framing and routing need is noted on the way, so that nobody has to look it up again.
 */
import type { ErrorCode } from '@sluice/errors'
import { isNamed } from './field-syntax.ts'

/** More than anybody sends; what a message costs must not grow with how many lines fit into its head. */
const maxLines = 1000

const TOKEN = 1
const VALUE = 2
const kinds = new Uint8Array(256)
for (let code = 0x20; code < 0x100; code++) if (code !== 0x7f) kinds[code] = VALUE
kinds[0x09] = VALUE
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") kinds[character.charCodeAt(0)]! |= TOKEN

/** What may stand in a value, for one longer than `loopedLength`: a token, a cookie. A loop is faster up to there, this by half beyond. */
const longValue = /[\t\x20-\x7e\x80-\xff]*/y
const loopedLength = 64

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

function endOfLongValue(text: string, from: number): number {
  longValue.lastIndex = from
  longValue.test(text)
  return longValue.lastIndex
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
  private problem: ErrorCode = 'client.bad_request'

  /** Reads the lines between `from` and `to`, the end of the last line's CR LF. Answers what is wrong, or undefined. */
  read(text: string, from: number, to: number): ErrorCode | undefined {
    let at = from
    let lines = 0
    while (at < to) {
      if (++lines > maxLines) return 'client.too_many_headers'
      at = this.readLine(text, at, to)
      if (at < 0) return this.problem
    }
    return this.hasTransferEncoding && this.contentLength >= 0 ? 'client.framing_ambiguous' : undefined
  }

  /** Answers where the next line begins, -1 when this one is not to be taken: then `problem` says why. Each character is looked at once. */
  private readLine(text: string, from: number, to: number): number {
    let colon = from
    while ((kinds[text.charCodeAt(colon)]! & TOKEN) !== 0) colon++
    if (colon === from || text.charCodeAt(colon) !== 0x3a) return -1
    let start = colon + 1
    while (isBlank(text.charCodeAt(start))) start++
    let end = start
    const handOver = start + loopedLength
    while ((kinds[text.charCodeAt(end)]! & VALUE) !== 0 && end < handOver) end++
    if (end === handOver) end = endOfLongValue(text, end)
    // Where the value ends the line must; a stray CR, a bare LF and every other control character stop here too.
    if (end + 2 > to || text.charCodeAt(end) !== 0x0d || text.charCodeAt(end + 1) !== 0x0a) return -1
    let stop = end
    while (stop > start && isBlank(text.charCodeAt(stop - 1))) stop--
    const name = text.slice(from, colon)
    const value = text.slice(start, stop)
    this.flat.push(name, value)
    const problem = this.note(name, text.charCodeAt(from) | 0x20, value)
    if (problem === undefined) return end + 2
    this.problem = problem
    return -1
  }

  /** Only names of these lengths and first letters matter here, so most fields cost one comparison. */
  private note(name: string, first: number, value: string): ErrorCode | undefined {
    switch (name.length) {
      case 2:
        if (first === 0x74 && isNamed(name, 'te') && hasOption(value, 'trailers')) this.acceptsTrailers = true
        return undefined
      case 4:
        if (first === 0x68 && isNamed(name, 'host')) this.hosts++
        return undefined
      case 6:
        if (first === 0x65 && isNamed(name, 'expect')) this.noteExpectation(value.toLowerCase())
        return undefined
      case 7:
        if (first === 0x75 && isNamed(name, 'upgrade')) this.upgrade += `${value.toLowerCase()},`
        return undefined
      case 10:
        if (first === 0x63 && isNamed(name, 'connection')) this.noteConnection(value.toLowerCase())
        return undefined
      case 14:
        return first === 0x63 && isNamed(name, 'content-length') ? this.noteLength(value) : undefined
      case 17:
        return first === 0x74 && isNamed(name, 'transfer-encoding') ? this.noteCoding(value) : undefined
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
    const length = this.contentLength >= 0 ? -1 : lengthOf(value)
    if (length < 0) return 'client.framing_ambiguous'
    this.contentLength = length
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

/** A number of at most fifteen digits and nothing else; -1 when it is none. */
function lengthOf(digits: string): number {
  if (digits.length === 0 || digits.length > 15) return -1
  let length = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
