/** Strings that were decoded before, found again by their bytes: what is not in HPACK's table (a path, mostly) is written anew with every request. */

/** A power of two. */
const places = 1024
/** Longer ones hardly ever repeat. */
const maxBytes = 64

/**
 * Every place holds the last string that belonged there. A string is found by all of its bytes or not at all, so that nobody
 * can feel their way to it byte by byte; what must not be indexed (RFC 7541 §7.1.3) is not to be looked up here.
 */
export class KnownStrings {
  private readonly bytes = new Uint8Array(places * maxBytes)
  private readonly lengths = new Uint8Array(places)
  private readonly texts: string[] = Array<string>(places).fill('')
  /** Where the string that was not found belongs, to be kept with `keep`; -1: nowhere. */
  private missed = -1

  /** The string that these bytes stand for, if that is known. `isCoded`: by Huffman's code. */
  find(bytes: Uint8Array, from: number, to: number, isCoded: boolean): string | undefined {
    const length = to - from
    this.missed = -1
    if (length > maxBytes || length === 0) return undefined
    // FNV-1a
    let hash = isCoded ? 0x811c9dc5 : 0x11c9dc58
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
    const place = (hash ^ (hash >>> 15)) & (places - 1)
    // Which code a string is in is kept with its length.
    if (this.lengths[place] === lengthMark(length, isCoded) && this.holds(place, bytes, from, length)) return this.texts[place]
    this.missed = place
    return undefined
  }

  /** What the bytes that were just looked for stand for. */
  keep(bytes: Uint8Array, from: number, to: number, isCoded: boolean, text: string): void {
    const place = this.missed
    if (place < 0) return
    for (let at = from, into = place * maxBytes; at < to; at++, into++) this.bytes[into] = bytes[at]!
    this.lengths[place] = lengthMark(to - from, isCoded)
    this.texts[place] = text
  }

  private holds(place: number, bytes: Uint8Array, from: number, length: number): boolean {
    const start = place * maxBytes
    for (let at = 0; at < length; at++) if (this.bytes[start + at] !== bytes[from + at]) return false
    return true
  }
}

function lengthMark(length: number, isCoded: boolean): number {
  return isCoded ? length | 0x80 : length
}
