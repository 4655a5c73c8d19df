/** How a request is spelled where it is signed for AWS ("Create a signed AWS API request", IAM User Guide). */

/** What S3 takes in the place of a body's hash. */
export const unsignedPayload = 'UNSIGNED-PAYLOAD'

/** Each segment escaped in the one strict way; S3 takes that, every other service has it escaped a second time. */
export function canonicalPath(path: string, service: string): string {
  const once = path.split('/').map((segment) => escape(unescape(segment))).join('/')
  return service === 's3' ? once : escapePath(once)
}

/** Parameters escaped in the one strict way, by name, then by value. `+` is a blank, as whoever reads forms takes it. */
export function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs = query.split('&').filter((part) => part !== '').map((part) => {
    const at = part.indexOf('=')
    const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    return [escape(unescape(name.replaceAll('+', ' '))), escape(unescape(value.replaceAll('+', ' ')))] as const
  })
  return pairs.sort(byNameAndValue).map(([name, value]) => `${name}=${value}`).join('&')
}

type Pair = readonly [name: string, value: string]

/** Escaped text is ASCII, so that the order of its characters is that of its bytes. */
function byNameAndValue([leftName, leftValue]: Pair, [rightName, rightValue]: Pair): number {
  if (leftName !== rightName) return leftName < rightName ? -1 : 1
  if (leftValue === rightValue) return 0
  return leftValue < rightValue ? -1 : 1
}

/** Everything but the unreserved characters of RFC 3986 §2.3. */
function escape(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

function escapePath(path: string): string {
  return path.split('/').map(escape).join('/')
}

/** What is no escape stays as it is. */
function unescape(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
