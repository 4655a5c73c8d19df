/** AWS Signature Version 4 of a POST without query, as "Create a signed AWS API request" of the IAM user guide has it. */
import { createHmac, hash } from 'node:crypto'

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

interface SignedRequest {
  readonly url: URL
  /** Names in lower case; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly region: string
  readonly service: string
  readonly at: Date
}

/** The headers to send: those given, and the signature over them. */
export function signedHeaders(request: SignedRequest, { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials): Record<string, string> {
  const { url, body, region, service } = request
  const time = request.at.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = time.slice(0, 8)
  const headers: Record<string, string> = { ...request.headers, host: url.host, 'x-amz-date': time, ...(sessionToken && { 'x-amz-security-token': sessionToken }) }
  const names = Object.keys(headers).sort()
  const canonical = ['POST', url.pathname, '', ...names.map((name) => `${name}:${headers[name]!.trim()}`), '', names.join(';'), hash('sha256', body)].join('\n')
  const credentialScope = `${day}/${region}/${service}/aws4_request`
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>((before, part) => hmac(before, part), `AWS4${secretAccessKey}`)
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, credentialScope, hash('sha256', canonical)].join('\n')).toString('hex')
  return { ...headers, authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${credentialScope}, SignedHeaders=${names.join(';')}, Signature=${signature}` }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
