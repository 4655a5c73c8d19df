/**
 * The chunked coding, decoded strictly (RFC 9112 §7.1): hexadecimal size, CR LF, exactly so many bytes, CR LF; no
 * chunk extensions, no bare LF. Trailer fields are read and bounded, and handed on as they are. Bytes in, pieces out;
 * it can be split anywhere.
 */
import { FieldSection } from './field-section.ts'

export type ChunkedState = 'size' | 'data' | 'data-end' | 'trailer' | 'done' | 'bad'

const maxSizeDigits = 8
const maxTrailerBytes = 8192

export class ChunkedDecoder {
  state: ChunkedState = 'size'
  /** Flat `[name, value, …]`; filled when done. */
  trailers: string[] = []
  private line = ''
  private left = 0

  /**
   * Takes bytes from `from` on and calls `onData` with each piece of the body. Answers where it stopped: the end of
   * the input, or behind the last byte of the message when the state is `done`.
   */
  feed(input: Buffer, from: number, onData: (piece: Buffer) => void): number {
    let at = from
    while (at < input.length && this.state !== 'done' && this.state !== 'bad') {
      if (this.state === 'data') at = this.takeData(input, at, onData)
      else at = this.takeLineByte(input, at)
    }
    return at
  }

  private takeData(input: Buffer, at: number, onData: (piece: Buffer) => void): number {
    const end = Math.min(input.length, at + this.left)
    onData(input.subarray(at, end))
    this.left -= end - at
    if (this.left === 0) this.state = 'data-end'
    return end
  }

  private takeLineByte(input: Buffer, at: number): number {
    const code = input[at]!
    this.line += String.fromCharCode(code)
    if (code === 0x0a) this.endLine()
    else if (this.line.length > this.limit()) this.state = 'bad'
    return at + 1
  }

  private limit(): number {
    return this.state === 'size' ? maxSizeDigits + 1 : this.state === 'data-end' ? 1 : maxTrailerBytes
  }

  private endLine(): void {
    const { line } = this
    if (!line.endsWith('\r\n')) this.state = 'bad'
    else if (this.state === 'size') this.endSize(line.slice(0, -2))
    else if (this.state === 'data-end') this.next(line === '\r\n' ? 'size' : 'bad')
    else if (line === '\r\n' || line.endsWith('\r\n\r\n')) this.endTrailers(line)
  }

  private endSize(digits: string): void {
    if (!/^[0-9A-Fa-f]+$/.test(digits)) return this.next('bad')
    this.left = Number.parseInt(digits, 16)
    this.next(this.left === 0 ? 'trailer' : 'data')
  }

  private endTrailers(lines: string): void {
    const fields = new FieldSection()
    const problem = lines === '\r\n' ? undefined : fields.read(lines, 0, lines.length - 2)
    // Framing and routing are settled when trailers come (RFC 9110 §6.5.1): whoever sends them here means harm.
    const forbidden = fields.contentLength >= 0 || fields.isChunked || fields.hosts > 0
    this.trailers = fields.flat
    this.next(problem === undefined && !forbidden ? 'done' : 'bad')
  }

  private next(state: ChunkedState): void {
    this.state = state
    this.line = ''
  }
}
