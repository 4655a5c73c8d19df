/** Finds and reads the heads of requests in text that comes in pieces (RFC 9112 §2.2, §3). No I/O. */
import type { ErrorCode } from '@sluice/errors'
import { isBrokenHead, parseRequestHead, type RequestHead } from '@sluice/http'

export class HeadReader {
  /** Set by `feed` once a head is complete, or cannot become one. */
  outcome: RequestHead | ErrorCode | undefined
  private readonly maxBytes: number
  /** Of a head whose end has not come, and the last three characters of it: its end may lie across two pieces. */
  private begun = ''
  private seam = ''
  private passedEmptyLine = false

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get hasBegun(): boolean {
    return this.begun !== ''
  }

  /** Takes `text` from `from` on; answers where it stopped: behind a head, or at the end of the text. */
  feed(text: string, from: number): number {
    this.outcome = undefined
    if (this.begun !== '') return this.goOn(from === 0 ? text : text.slice(from), from)
    // One empty line before a request is passed over.
    const hasEmptyLine = !this.passedEmptyLine && text.startsWith('\r\n', from)
    const start = hasEmptyLine ? from + 2 : from
    if (hasEmptyLine) this.passedEmptyLine = true
    const end = text.indexOf('\r\n\r\n', start)
    if (end >= 0) {
      this.complete(text, start, end + 4)
      return end + 4
    }
    if (start < text.length) this.begin(text.slice(start))
    return text.length
  }

  private begin(text: string): void {
    this.begun = text
    this.seam = text.slice(-3)
    if (text.startsWith('\r\n')) this.outcome = 'client.bad_request'
    else this.checkHope(text)
  }

  /** Only what is new is searched: a head that trickles in costs no more than one that comes at once. */
  private goOn(text: string, from: number): number {
    const { seam } = this
    if (seam === '\r' && text.startsWith('\n')) return this.goOnBehindLine(text, from)
    const found = (seam + text).indexOf('\r\n\r\n')
    if (found >= 0) {
      const used = found + 4 - seam.length
      const whole = this.begun + text.slice(0, used)
      this.complete(whole, 0, whole.length)
      return from + used
    }
    this.begun += text
    this.seam = (seam + text).slice(-3)
    this.checkHope(seam.endsWith('\n') ? text : seam.slice(-1) + text)
    return from + text.length
  }

  /** An empty line whose CR came alone; a second one is no beginning of anything. */
  private goOnBehindLine(text: string, from: number): number {
    if (this.passedEmptyLine) {
      this.outcome = 'client.bad_request'
      return from + text.length
    }
    this.passedEmptyLine = true
    this.begun = ''
    this.seam = ''
    return text.length === 1 ? from + 1 : from + this.feed(text, 1)
  }

  /** Spares whoever sends something else the wait for an end that never comes. */
  private checkHope(text: string): void {
    if (isBrokenHead(text)) this.outcome = 'client.bad_request'
    else if (this.begun.length > this.maxBytes) this.outcome = this.begun.includes('\r\n') ? 'client.header_too_large' : 'client.url_too_long'
  }

  private complete(text: string, start: number, end: number): void {
    this.begun = ''
    this.seam = ''
    this.passedEmptyLine = false
    this.outcome = end - start > this.maxBytes ? 'client.header_too_large' : parseRequestHead(text, start, end)
  }
}
