/** Reads DER (X.690), as far as certificates and lists of revoked ones need it. Throws RangeError for what is none. */

export interface DerElement {
  readonly tag: number
  /** Tag, length and contents. */
  readonly whole: Buffer
  readonly contents: Buffer
}

export const derTag = { integer: 0x02, bitString: 0x03, objectIdentifier: 0x06, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30 } as const

/** The element that `bytes` begin with. */
export function readElement(bytes: Buffer): DerElement {
  const first = bytes[1]
  const tag = bytes[0]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new RangeError('no DER element')
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  // Indefinite lengths are no DER; four bytes are more than anything here needs.
  if (first === 0x80 || lengthBytes > 4 || bytes.length < 2 + lengthBytes) throw new RangeError('no DER length')
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes)
  const start = 2 + lengthBytes
  if (bytes.length < start + length) throw new RangeError('a DER element is cut off')
  return { tag, whole: bytes.subarray(0, start + length), contents: bytes.subarray(start, start + length) }
}

/** The elements that follow each other in `contents`, to its end. */
export function readElements(contents: Buffer): DerElement[] {
  const elements: DerElement[] = []
  for (let rest = contents; rest.length > 0; ) {
    const element = readElement(rest)
    elements.push(element)
    rest = rest.subarray(element.whole.length)
  }
  return elements
}

/** An instant in ms of Unix time (RFC 5280 §4.1.2.5): both spellings end with seconds and Z. */
export function readTime({ tag, contents }: DerElement): number {
  const text = contents.toString('latin1')
  const [, short, rest] = /^(\d{2}|\d{4})(\d{10})Z$/.exec(text) ?? []
  const isRead = short !== undefined && rest !== undefined && ((tag === derTag.utcTime && short.length === 2) || (tag === derTag.generalizedTime && short.length === 4))
  const year = short?.length === 2 ? String(Number(short) >= 50 ? 1900 + Number(short) : 2000 + Number(short)) : short
  const at = isRead ? Date.parse(`${year}-${rest.replace(/(..)(..)(..)(..)(..)/, '$1-$2T$3:$4:$5Z')}`) : Number.NaN
  if (Number.isNaN(at)) throw new RangeError('no DER time')
  return at
}
