/** Hands the data of server-sent events (WHATWG HTML §9.2.6) to a reader as it comes, and tells where an event ends. */
const [lineFeed, carriageReturn, space] = [0x0a, 0x0d, 0x20]
const field = Buffer.from('data:')

export interface EventDataReader {
  push(piece: Uint8Array, from: number, to: number): void
  reset(): void
}

export class EventLines {
  private readonly reader: EventDataReader
  /** Bytes of `data:` that the line has begun with; -1: it is another line. */
  private matched = 0
  private isEmpty = true
  private afterReturn = false

  constructor(reader: EventDataReader) {
    this.reader = reader
  }

  push(piece: Uint8Array): void {
    for (let index = 0; index < piece.length; ) {
      const byte = piece[index]!
      if (byte === lineFeed || byte === carriageReturn) {
        this.endLine(byte)
        index++
      } else if (this.matched === field.length) index = this.passData(piece, index)
      else {
        this.matched = this.matched >= 0 && byte === field[this.matched] ? this.matched + 1 : -1
        this.isEmpty = this.afterReturn = false
        index++
      }
    }
  }

  private passData(piece: Uint8Array, from: number): number {
    let end = from
    while (end < piece.length && piece[end] !== lineFeed && piece[end] !== carriageReturn) end++
    this.reader.push(piece, piece[from] === space ? from + 1 : from, end)
    return end
  }

  private endLine(byte: number): void {
    const isSecondHalf = byte === lineFeed && this.afterReturn
    this.afterReturn = byte === carriageReturn
    if (isSecondHalf) return
    if (this.isEmpty) this.reader.reset()
    this.isEmpty = true
    this.matched = 0
  }
}
