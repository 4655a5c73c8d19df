/**
 * Query strings as they are sent: parameters are read and changed in place, and whatever a change does not name
 * stays byte for byte. Names are compared decoded, since the upstream decodes them: `ap%69_key` is `api_key`.
 * Parts are separated by `&` alone; empty parts are no parameters.
 */
const AMPERSAND = 0x26

/** How many parameters there are. Runs on every request: one pass, no allocation. */
export function countParameters(query: string): number {
  let count = 0
  let isEmpty = true
  for (let at = 0; at < query.length; at++) {
    if (query.charCodeAt(at) === AMPERSAND) isEmpty = true
    else if (isEmpty) {
      isEmpty = false
      count++
    }
  }
  return count
}

/** The decoded value of the first parameter of that name, undefined when there is none; `?a` has the value ''. */
export function readParameter(query: string, name: string): string | undefined {
  for (let start = 0; start < query.length; ) {
    const end = partEnd(query, start)
    if (isParameter(query, start, end, name)) return valueOf(query, start, end)
    start = end + 1
  }
  return undefined
}

/** Every parameter in order, decoded. */
export function* parameters(query: string): Generator<readonly [name: string, value: string]> {
  for (let start = 0; start < query.length; ) {
    const end = partEnd(query, start)
    if (end > start) yield [decodeComponent(query.slice(start, nameEnd(query, start, end))), valueOf(query, start, end)]
    start = end + 1
  }
}

/** The query without every parameter of that name. */
export function removeParameter(query: string, name: string): string {
  return replaceParts(query, name, () => undefined)
}

/** The query with that parameter at its end, beside any others of the name. */
export function addParameter(query: string, name: string, value: string): string {
  const part = `${encodeComponent(name)}=${encodeComponent(value)}`
  return query === '' ? part : `${query}&${part}`
}

/** The query with one parameter of that name: in the place of the first there was, else at the end. */
export function setParameter(query: string, name: string, value: string): string {
  const part = `${encodeComponent(name)}=${encodeComponent(value)}`
  let isSet = false
  const changed = replaceParts(query, name, () => {
    if (isSet) return undefined
    isSet = true
    return part
  })
  return isSet ? changed : addParameter(query, name, value)
}

/** The query with every parameter `from` called `to`, values byte for byte. */
export function renameParameter(query: string, from: string, to: string): string {
  return replaceParts(query, from, (part) => encodeComponent(to) + part.slice(nameEnd(part, 0, part.length)))
}

/** `replace` answers the part to stand in its place, undefined for none. */
function replaceParts(query: string, name: string, replace: (part: string) => string | undefined): string {
  if (query === '') return query
  const parts: string[] = []
  for (let start = 0; start <= query.length; ) {
    const end = partEnd(query, start)
    const part = query.slice(start, end)
    const kept = isParameter(query, start, end, name) ? replace(part) : part
    if (kept !== undefined) parts.push(kept)
    start = end + 1
  }
  return parts.join('&')
}

function partEnd(query: string, start: number): number {
  const end = query.indexOf('&', start)
  return end < 0 ? query.length : end
}

function nameEnd(query: string, start: number, end: number): number {
  const equals = query.indexOf('=', start)
  return equals < 0 || equals > end ? end : equals
}

function isParameter(query: string, start: number, end: number, name: string): boolean {
  if (end === start) return false
  const stop = nameEnd(query, start, end)
  if (stop - start === name.length && query.startsWith(name, start)) return true
  // An escaped spelling is never shorter than the name.
  return stop - start >= name.length && decodeComponent(query.slice(start, stop)) === name
}

function valueOf(query: string, start: number, end: number): string {
  const stop = nameEnd(query, start, end)
  return stop === end ? '' : decodeComponent(query.slice(stop + 1, end))
}

/** Percent-decoding as forms use it, `+` being a space; a broken escape leaves the text as it is. */
function decodeComponent(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

/** Percent-encoding of a name or value; a lone surrogate becomes U+FFFD. */
function encodeComponent(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
