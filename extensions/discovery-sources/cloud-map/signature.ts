/**
 * Signs a request to AWS: Signature Version 4, as "Create a signed AWS API request" in the IAM User Guide describes it. For POST with an
 * empty query; the path is taken as it stands.
 */
import { createHash, createHmac } from 'node:crypto'
import type { AwsCredentials } from './credentials.ts'

export interface Signable {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly region: string
  readonly service: string
}

/** The headers to send: those that were given, with the instant, the session and the signature. */
export function signed({ url, headers, body, region, service }: Signable, { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials, now: Date): Record<string, string> {
  const instant = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  const day = instant.slice(0, 8)
  const all: Record<string, string> = { ...headers, 'x-amz-date': instant, ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }) }
  const fields = Object.entries({ ...all, host: url.host }).map(([name, value]) => [name.toLowerCase(), value.trim()] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  const names = fields.map(([name]) => name).join(';')
  const canonical = ['POST', url.pathname, '', ...fields.map(([name, value]) => `${name}:${value}`), '', names, sha256(body)].join('\n')
  const place = `${day}/${region}/${service}/aws4_request`
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secretAccessKey}`, day))
  const signature = hmac(key, ['AWS4-HMAC-SHA256', instant, place, sha256(canonical)].join('\n')).toString('hex')
  return { ...all, authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${place}, SignedHeaders=${names}, Signature=${signature}` }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
