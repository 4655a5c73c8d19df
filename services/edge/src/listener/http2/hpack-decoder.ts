/** Field blocks as HPACK writes them (RFC 7541), read with the table that lasts as long as the connection. No I/O. */
import { Field } from './field.ts'
import { decodeHuffman } from './huffman.ts'
import type { KnownStrings } from './known-strings.ts'
import { staticTable } from './static-table.ts'

export interface FieldSink {
  onField(field: Field): void
}

/** Bytes of the dynamic table, as nobody has said anything else (RFC 9113 §6.5.2). */
const tableBytes = 4096
const statics = staticTable.length

export class HpackDecoder {
  private readonly strings: KnownStrings
  /** The oldest first; those before `first` are gone. */
  private entries: Field[] = []
  private first = 0
  private size = 0
  private limit = tableBytes
  /** Where the block is read. */
  private at = 0

  constructor(strings: KnownStrings) {
    this.strings = strings
  }

  /** Reads a whole block, `bytes` from `from` to `to`; false: it is none, and nothing after it on its connection can be read (RFC 7541 §2.2). */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): boolean {
    this.at = from
    let hasFields = false
    while (this.at < to) {
      const first = bytes[this.at]!
      if (first >= 0x20 && first < 0x40) {
        // RFC 7541 §4.2: at the beginning of a block alone.
        if (hasFields || !this.resize(this.integer(bytes, to, 0x1f))) return false
        continue
      }
      hasFields = true
      const field = first >= 0x80 ? this.lookUp(this.integer(bytes, to, 0x7f)) : this.literal(bytes, to, first)
      if (field === undefined) return false
      sink.onField(field)
    }
    return true
  }

  private literal(bytes: Buffer, to: number, first: number): Field | undefined {
    const isIndexed = first >= 0x40
    const mayRemember = isIndexed || first < 0x10
    const index = this.integer(bytes, to, isIndexed ? 0x3f : 0x0f)
    const name = index === 0 ? this.text(bytes, to, true) : this.lookUp(index)?.name
    const value = name === undefined ? undefined : this.text(bytes, to, mayRemember)
    if (value === undefined) return undefined
    const field = new Field(name!, value)
    if (isIndexed) this.insert(field)
    return field
  }

  private lookUp(index: number): Field | undefined {
    if (index < statics) return staticTable[index]
    const at = this.entries.length - 1 - (index - statics)
    return at < this.first ? undefined : this.entries[at]
  }

  private insert(field: Field): void {
    this.size += field.size
    this.evict()
    // One that is larger than the table has emptied it, and is not in it (§4.4).
    if (this.size > this.limit) this.size = 0
    else this.entries.push(field)
  }

  private resize(limit: number): boolean {
    if (limit < 0 || limit > tableBytes) return false
    this.limit = limit
    this.evict()
    return true
  }

  private evict(): void {
    while (this.size > this.limit && this.first < this.entries.length) this.size -= this.entries[this.first++]!.size
    if (this.first < 64 && this.first < this.entries.length) return
    this.entries = this.entries.slice(this.first)
    this.first = 0
  }

  /** A number of at most 28 bits behind a prefix (§5.1), -1 when it is none; goes on behind it. */
  private integer(bytes: Buffer, to: number, mask: number): number {
    let value = bytes[this.at++]! & mask
    if (value < mask) return value
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.at >= to) return -1
      const byte = bytes[this.at++]!
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return -1
  }

  private text(bytes: Buffer, to: number, mayRemember: boolean): string | undefined {
    if (this.at >= to) return undefined
    const isCoded = bytes[this.at]! >= 0x80
    const length = this.integer(bytes, to, 0x7f)
    const from = this.at
    const end = from + length
    if (length < 0 || end > to) return undefined
    this.at = end
    const known = mayRemember ? this.strings.find(bytes, from, end, isCoded) : undefined
    if (known !== undefined) return known
    const text = isCoded ? decodeHuffman(bytes, from, end) : bytes.toString('latin1', from, end)
    if (mayRemember && text !== undefined) this.strings.keep(bytes, from, end, isCoded, text)
    return text
  }
}
