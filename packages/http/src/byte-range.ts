/** From the first byte to the last, both counted in. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * The part of a representation of `length` bytes that a `Range` field asks for (RFC 9110 §14.1.2). Undefined: the whole is to be sent, for the field
 * cannot be read, is in another unit, or asks for several parts, which a server may pass over (§14.2).
 */
export function byteRange(value: string, length: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=[\t ]*(\d*)-(\d*)[\t ]*$/i.exec(value)
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '') return last === '' ? undefined : lastBytes(Number(last), length)
  if (last !== '' && Number(last) < Number(first)) return undefined
  if (Number(first) >= length) return 'unsatisfiable'
  return { first: Number(first), last: last === '' ? length - 1 : Math.min(Number(last), length - 1) }
}

function lastBytes(count: number, length: number): ByteRange | 'unsatisfiable' {
  return count === 0 || length === 0 ? 'unsatisfiable' : { first: Math.max(0, length - count), last: length - 1 }
}
