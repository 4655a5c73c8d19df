/**
 * AWS Signature Version 4 ("Create a signed AWS API request", IAM User Guide): the signature of a request in its canonical
 * form, by a key that is good for one day, region and service.
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
  /** Escaped as the service wants it. */
  readonly path: string
  /** Escaped, in the order of names and values. */
  readonly query: string
  /** Small names with their values, in the order of the names. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly payloadHash: string
}

const algorithm = 'AWS4-HMAC-SHA256'

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface SignablePost {
  /** Without a query; its path is taken as it stands. */
  readonly url: URL
  /** All of them are signed. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly region: string
  readonly service: string
}

/** The headers to send with a POST: those that were given, with the instant, the session and the signature. */
export function signPost({ url, headers, body, region, service }: SignablePost, { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials, now: Date): Record<string, string> {
  const scope = { date: awsDate(now), region, service }
  const all: Record<string, string> = { ...headers, 'x-amz-date': scope.date, ...(sessionToken && { 'x-amz-security-token': sessionToken }) }
  const fields = Object.entries({ ...all, host: url.host }).map(([name, value]) => [name.toLowerCase(), value] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  const signature = awsSignature({ method: 'POST', path: url.pathname, query: '', fields, payloadHash: sha256(body) }, scope, awsKey(secretAccessKey, scope))
  return { ...all, authorization: awsAuthorization(accessKeyId, scope, fields, signature) }
}

/** The value of `Authorization`. */
export function awsAuthorization(accessKeyId: string, scope: SignedScope, fields: CanonicalParts['fields'], signature: string): string {
  return `${algorithm} Credential=${accessKeyId}/${scopeText(scope)}, SignedHeaders=${signedNames(fields)}, Signature=${signature}`
}

/** `20150830T123600Z` */
export function awsDate(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '')
}

function scopeText({ date, region, service }: SignedScope): string {
  return `${date.slice(0, 8)}/${region}/${service}/aws4_request`
}

/** Good for the day, region and service of the scope. */
export function awsKey(secret: string, { date, region, service }: SignedScope): Buffer {
  return [date.slice(0, 8), region, service, 'aws4_request'].reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`))
}

/** Lower-case hex. */
export function awsSignature({ method, path, query, fields, payloadHash }: CanonicalParts, scope: SignedScope, key: Buffer): string {
  const lines = fields.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}\n`).join('')
  const canonical = [method, path, query, lines, signedNames(fields), payloadHash].join('\n')
  return hmac(key, [algorithm, scope.date, scopeText(scope), sha256(canonical)].join('\n')).toString('hex')
}

function signedNames(fields: CanonicalParts['fields']): string {
  return fields.map(([name]) => name).join(';')
}

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
