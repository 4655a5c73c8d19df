/**
 * AWS Signature Version 4 ("Create a signed AWS API request", IAM User Guide): the canonical form of a request, and its
 * signature by a key that is good for one day, region and service.
 */
import { createHash, createHmac } from 'node:crypto'

export interface SignedScope {
  /** `20150830T123600Z` */
  readonly date: string
  readonly region: string
  readonly service: string
}

export interface CanonicalParts {
  readonly method: string
  /** Of `canonicalPath`. */
  readonly path: string
  /** Of `canonicalQuery`. */
  readonly query: string
  /** Small names with their values, in the order of the names. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly payloadHash: string
}

export const algorithm = 'AWS4-HMAC-SHA256'
/** What S3 takes in the place of a body's hash. */
export const unsignedPayload = 'UNSIGNED-PAYLOAD'

export function scopeText({ date, region, service }: SignedScope): string {
  return `${date.slice(0, 8)}/${region}/${service}/aws4_request`
}

export function deriveKey(secret: string, { date, region, service }: SignedScope): Buffer {
  return [date.slice(0, 8), region, service, 'aws4_request'].reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`))
}

/** Lower-case hex. */
export function signatureOf({ method, path, query, fields, payloadHash }: CanonicalParts, scope: SignedScope, key: Buffer): string {
  const lines = fields.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}\n`).join('')
  const canonical = [method, path, query, lines, signedNames(fields), payloadHash].join('\n')
  return hmac(key, [algorithm, scope.date, scopeText(scope), sha256(canonical)].join('\n')).toString('hex')
}

export function signedNames(fields: CanonicalParts['fields']): string {
  return fields.map(([name]) => name).join(';')
}

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

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

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
