import { awsAuthorization, awsDate, awsKey, awsSignature, type HeaderFields, sha256, type SignedScope } from '@sluice/http'
import type { Exchange } from '../exchange.ts'
import { type HookResult, type Policy, type PolicyParts, refuse } from '../policy.ts'
import { canonicalPath, canonicalQuery, unsignedPayload } from './canonical-request.ts'
import type { AwsSignatureSettings } from './schema.ts'

export function compile(settings: AwsSignatureSettings, parts: PolicyParts): Policy {
  return new AwsSignature(settings, parts)
}

const tooLarge = refuse('client.body_too_large')
const emptyHash = sha256('')
const hashField = 'x-amz-content-sha256'

/** Signs what an AWS service is sent, with the gateway's own key: each attempt for the endpoint and the second that it is made in. */
class AwsSignature implements Policy {
  private readonly settings: AwsSignatureSettings
  private readonly clock: PolicyParts['clock']
  private day = ''
  private key = Buffer.alloc(0)

  constructor(settings: AwsSignatureSettings, { clock }: PolicyParts) {
    this.settings = settings
    this.clock = clock
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const { request } = exchange
    for (const name of ['authorization', 'x-amz-date', 'x-amz-security-token', hashField]) request.headers.remove(name)
    // One spelling for both sides: what is signed is what is sent.
    request.query = canonicalQuery(request.query)
    if (this.settings.payload === 'unsigned') request.headers.set('X-Amz-Content-Sha256', unsignedPayload)
    else if (request.declaredBytes === 0) request.headers.set('X-Amz-Content-Sha256', emptyHash)
    else return this.hashBody(exchange)
    return undefined
  }

  onAttempt({ request }: Exchange, headers: HeaderFields, target: string): void {
    const { accessKeyId, sessionToken, service } = this.settings
    const scope = this.scopeNow()
    const path = target.slice(0, target.length - (request.query === '' ? 0 : request.query.length + 1))
    const payloadHash = headers.get(hashField) ?? emptyHash
    headers.set('X-Amz-Date', scope.date)
    if (sessionToken !== undefined) headers.set('X-Amz-Security-Token', sessionToken)
    const fields = [['host', headers.get('host') ?? request.host], [hashField, payloadHash], ['x-amz-date', scope.date], ...(sessionToken === undefined ? [] : [['x-amz-security-token', sessionToken]])] as [string, string][]
    const signature = awsSignature({ method: request.method, path: canonicalPath(path, service), query: request.query, fields, payloadHash }, scope, this.key)
    headers.set('Authorization', awsAuthorization(accessKeyId, scope, fields, signature))
  }

  private async hashBody(exchange: Exchange): Promise<HookResult> {
    const { request } = exchange
    const body = await exchange.readBody(this.settings.maxBodyBytes)
    if (body === undefined) return tooLarge
    request.headers.set('X-Amz-Content-Sha256', sha256(body))
    request.headers.set('Content-Length', String(body.length))
    return undefined
  }

  /** Now, with the key of the day at hand. */
  private scopeNow(): SignedScope {
    const { region, service, secretAccessKey } = this.settings
    const date = awsDate(new Date(this.clock.now()))
    const scope = { date, region, service }
    if (this.day !== date.slice(0, 8)) {
      this.day = date.slice(0, 8)
      this.key = awsKey(secretAccessKey, scope) as Buffer<ArrayBuffer>
    }
    return scope
  }
}
