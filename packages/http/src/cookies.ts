/**
 * The value of the first cookie of that name in a `Cookie` field (RFC 6265 §4.2.1), without the double quotes that
 * may stand around it; undefined when there is none. Names are compared letter for letter. Allocates only the value.
 */
export function readCookie(field: string, name: string): string | undefined {
  for (let start = 0; start < field.length; ) {
    const end = pairEnd(field, start)
    if (isPairOf(field, name, start, end)) return unquoted(field.slice(skipSpaces(field, start) + name.length + 1, end).trimEnd())
    start = end + 1
  }
  return undefined
}

/** The `Cookie` field without every cookie of that name, the others byte for byte; empty when none is left. */
export function removeCookie(field: string, name: string): string {
  const kept: string[] = []
  for (let start = 0; start < field.length; ) {
    const end = pairEnd(field, start)
    if (!isPairOf(field, name, start, end)) kept.push(field.slice(start, end))
    start = end + 1
  }
  return kept.join(';').trim()
}

function pairEnd(field: string, start: number): number {
  const end = field.indexOf(';', start)
  return end < 0 ? field.length : end
}

function isPairOf(field: string, name: string, start: number, end: number): boolean {
  const at = skipSpaces(field, start)
  return at + name.length < end && field.startsWith(name, at) && field.charCodeAt(at + name.length) === 0x3d
}

function skipSpaces(field: string, start: number): number {
  let at = start
  while (field.charCodeAt(at) === 0x20 || field.charCodeAt(at) === 0x09) at++
  return at
}

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}
