/**
 * Finds the object `usage` (`usageMetadata`) in JSON that passes piece by piece, wherever it is cut: at the top, as chat
 * completions have it, or one level below, as `response.completed` and `message_start` do. Follows strings and
 * depth alone (RFC 8259 §7: a quotation mark inside a string is escaped, so what models write cannot pose as a key) and
 * keeps nothing but the object it is looking for, up to a bound.
 */
const [quote, backslash, colon, open, close, openList, closeList] = [0x22, 0x5c, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d]
const names: ReadonlySet<string> = new Set(['usage', 'usageMetadata'])
const maxNameLength = 16
const maxDepth = 2
/** With what the largest providers report in it, an object of usage has some 600 bytes. */
const maxObjectBytes = 8192

export class JsonUsage {
  private readonly onUsage: (usage: Readonly<Record<string, unknown>>) => void
  private depth = 0
  private inString = false
  private isEscaped = false
  /** The newest string, as far as it may be a name. */
  private name = ''
  /** Whether the value that comes next stands under one of the names. */
  private isNamed = false
  private object: number[] | undefined
  private objectDepth = 0

  constructor(onUsage: (usage: Readonly<Record<string, unknown>>) => void) {
    this.onUsage = onUsage
  }

  /** Another value begins. */
  reset(): void {
    this.depth = 0
    this.inString = this.isEscaped = this.isNamed = false
    this.object = undefined
  }

  push(piece: Uint8Array, from = 0, to = piece.length): void {
    for (let index = from; index < to; index++) {
      const byte = piece[index]!
      if (this.object !== undefined) this.keep(byte)
      if (this.inString) this.inside(byte)
      else if (byte > 0x20) this.outside(byte)
    }
  }

  private keep(byte: number): void {
    if (this.object!.length < maxObjectBytes) this.object!.push(byte)
    else this.object = undefined
  }

  private inside(byte: number): void {
    if (this.isEscaped) this.isEscaped = false
    else if (byte === backslash) this.isEscaped = true
    else if (byte === quote) this.inString = false
    else if (this.name.length <= maxNameLength) this.name += String.fromCharCode(byte)
  }

  private outside(byte: number): void {
    if (byte === quote) {
      this.inString = true
      this.name = ''
    } else if (byte === colon) this.isNamed = this.depth <= maxDepth && names.has(this.name)
    else {
      if (byte === open || byte === openList) this.enter(byte)
      else if (byte === close || byte === closeList) this.leave()
      this.isNamed = false
    }
  }

  private enter(byte: number): void {
    this.depth++
    if (!this.isNamed || byte !== open || this.object !== undefined) return
    this.object = [byte]
    this.objectDepth = this.depth
  }

  private leave(): void {
    if (this.object !== undefined && this.depth === this.objectDepth) {
      const found = objectIn(this.object)
      this.object = undefined
      if (found !== undefined) this.onUsage(found)
    }
    this.depth = Math.max(0, this.depth - 1)
  }
}

function objectIn(bytes: readonly number[]): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
