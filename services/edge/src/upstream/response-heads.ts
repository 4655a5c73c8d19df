import { parseResponseHead, type ResponseHead } from '@sluice/http'

/** A head with its length. Its fields are shared: whoever changes them copies them first. */
export interface KnownHead {
  readonly head: ResponseHead
  readonly length: number
}

/** Longer ones hardly ever repeat. */
const maxLength = 2048
/** Where no head is like the one before, only every so many is kept. */
const keepEvery = 16

/**
 * Responses of one endpoint often have heads that are the same letter for letter, but for the second in which `Date` changes: such a
 * one is recognised instead of being read again.
 */
export class ResponseHeads {
  private text = ''
  private method = ''
  private known: KnownHead | undefined
  private hasMatched = false
  private misses = 0

  /** The head that `text` begins with, when it is the one that was kept; `method` is that of the request. */
  recall(text: string, method: string): KnownHead | undefined {
    if (this.known === undefined || method !== this.method || !text.startsWith(this.text)) return undefined
    this.hasMatched = true
    return this.known
  }

  /** As `parseResponseHead`, of a head that was not recalled and ends at `end`. */
  read(text: string, from: number, end: number, method: string): ResponseHead | undefined {
    const head = parseResponseHead(text, from, end, method)
    if (head !== undefined && head.status >= 200 && end - from <= maxLength && (this.hasMatched || this.misses++ % keepEvery === 0)) this.keep(text.slice(from, end), method, head)
    return head
  }

  private keep(text: string, method: string, head: ResponseHead): void {
    // In memory of its own, in which comparing is a matter of nanoseconds.
    this.text = Buffer.from(text, 'latin1').toString('latin1')
    this.method = method
    this.known = { head, length: text.length }
    this.hasMatched = false
  }
}
