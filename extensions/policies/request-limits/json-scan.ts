/**
 * Reads a JSON text (RFC 8259) as it passes, piece by piece, and says when it is nested too deeply or holds too much. Nothing is
 * built and nothing kept but one byte a level. It takes the grammar strictly: what a lenient reader would take otherwise
 * (comments, single quotes, UTF-16) could hide from here what the upstream then sees. Whether the text ends where it should is
 * left to the upstream: what is missing cannot be too deep.
 */
export interface JsonLimits {
  readonly maxDepth: number
  readonly maxKeys: number
  readonly maxElements: number
}

export type JsonFault = 'too_deep' | 'too_many_keys' | 'too_many_elements' | 'malformed'

/** What may come next. */
const value = 0
const firstElement = 1
const firstKey = 2
const key = 3
const colon = 4
const after = 5
/** Inside a string. */
const string = 6
const escape = 7
const hex = 8
/** Inside a number, by what was read last (§6); from `zero` on a number may end where it stands at an even state. */
const minus = 9
const zero = 10
const point = 11
const integer = 12
const exponent = 13
const fraction = 14
const exponentSign = 15
const exponentDigits = 16
/** Inside `true`, `false` or `null`. */
const literal = 17

const inObject = 1
const inArray = 2

export class JsonScan {
  private readonly limits: JsonLimits
  private readonly containers: Uint8Array
  private depth = 0
  private keys = 0
  private elements = 0
  private state = value
  private fault: JsonFault | undefined
  private isKey = false
  /** Hexadecimal digits that an escape still needs. */
  private missingDigits = 0
  private word = ''
  private wordAt = 0

  constructor(limits: JsonLimits) {
    this.limits = limits
    this.containers = new Uint8Array(limits.maxDepth)
  }

  /** The first fault found so far; undefined while the text is as it should be. */
  scan(piece: Uint8Array): JsonFault | undefined {
    for (let at = 0; at < piece.length && this.fault === undefined; at++) {
      const byte = piece[at]!
      if (this.state === string) {
        // Most bytes of most documents stand in strings.
        if (byte === 0x22) this.endString()
        else if (byte === 0x5c) this.state = escape
        else if (byte < 0x20) this.fault = 'malformed'
      } else if (this.state < string) this.structure(byte)
      else if (this.state <= hex) this.escaped(byte)
      else if (this.state === literal) this.letter(byte)
      else if (!this.digit(byte)) this.structure(byte)
    }
    return this.fault
  }

  private structure(byte: number): void {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return
    switch (this.state) {
      case value:
        return this.begin(byte)
      case firstElement:
        return byte === 0x5d ? this.close(inArray) : this.begin(byte)
      case firstKey:
        if (byte === 0x7d) return this.close(inObject)
        return this.beginKey(byte)
      case key:
        return this.beginKey(byte)
      case colon:
        if (byte === 0x3a) this.state = value
        else this.fault = 'malformed'
        return
      default:
        this.afterValue(byte)
    }
  }

  private afterValue(byte: number): void {
    const container = this.depth === 0 ? 0 : this.containers[this.depth - 1]
    if (byte === 0x2c && container !== 0) this.state = container === inObject ? key : value
    else if (byte === 0x7d) this.close(inObject)
    else if (byte === 0x5d) this.close(inArray)
    else this.fault = 'malformed'
  }

  private begin(byte: number): void {
    if (this.depth > 0 && this.containers[this.depth - 1] === inArray && ++this.elements > this.limits.maxElements) this.fault = 'too_many_elements'
    else if (byte === 0x22) this.beginString(false)
    else if (byte === 0x7b) this.open(inObject, firstKey)
    else if (byte === 0x5b) this.open(inArray, firstElement)
    else if (byte === 0x2d) this.state = minus
    else if (byte === 0x30) this.state = zero
    else if (byte > 0x30 && byte <= 0x39) this.state = integer
    else this.beginWord(byte === 0x74 ? 'true' : byte === 0x66 ? 'false' : byte === 0x6e ? 'null' : '')
  }

  private open(container: number, next: number): void {
    if (this.depth === this.limits.maxDepth) this.fault = 'too_deep'
    else this.containers[this.depth++] = container
    this.state = next
  }

  private close(container: number): void {
    if (this.depth === 0 || this.containers[this.depth - 1] !== container) this.fault = 'malformed'
    else this.depth--
    this.state = after
  }

  private beginKey(byte: number): void {
    if (byte !== 0x22) this.fault = 'malformed'
    else if (++this.keys > this.limits.maxKeys) this.fault = 'too_many_keys'
    this.beginString(true)
  }

  private beginString(isKey: boolean): void {
    this.isKey = isKey
    this.state = string
  }

  private endString(): void {
    this.state = this.isKey ? colon : after
  }

  private escaped(byte: number): void {
    if (this.state === hex) {
      if (!isHexDigit(byte)) this.fault = 'malformed'
      else if (--this.missingDigits === 0) this.state = string
    } else if (byte === 0x75) {
      this.missingDigits = 4
      this.state = hex
    } else if (isEscape(byte)) this.state = string
    else this.fault = 'malformed'
  }

  private beginWord(word: string): void {
    if (word === '') this.fault = 'malformed'
    this.word = word
    this.wordAt = 1
    this.state = literal
  }

  private letter(byte: number): void {
    if (byte !== this.word.charCodeAt(this.wordAt++)) this.fault = 'malformed'
    else if (this.wordAt === this.word.length) this.state = after
  }

  /** Answers whether the byte belongs to the number; if not, the number has ended before it. */
  private digit(byte: number): boolean {
    const next = afterDigit(this.state, byte)
    if (next !== undefined) this.state = next
    else if (this.state % 2 === 0) this.state = after
    else this.fault = 'malformed'
    return next !== undefined || this.fault !== undefined
  }
}

function afterDigit(state: number, byte: number): number | undefined {
  const isDigit = byte >= 0x30 && byte <= 0x39
  const isExponent = byte === 0x65 || byte === 0x45
  switch (state) {
    case minus:
      return byte === 0x30 ? zero : isDigit ? integer : undefined
    case zero:
    case integer:
      return isDigit && state === integer ? integer : byte === 0x2e ? point : isExponent ? exponent : undefined
    case point:
    case fraction:
      return isDigit ? fraction : isExponent && state === fraction ? exponent : undefined
    case exponent:
      return isDigit ? exponentDigits : byte === 0x2b || byte === 0x2d ? exponentSign : undefined
    default:
      return isDigit ? exponentDigits : undefined
  }
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66)
}

/** `" \ / b f n r t` */
function isEscape(byte: number): boolean {
  return byte === 0x22 || byte === 0x5c || byte === 0x2f || byte === 0x62 || byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74
}
