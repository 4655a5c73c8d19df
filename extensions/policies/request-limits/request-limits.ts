import { countParameters } from '@sluice/http'
import type { Exchange, RequestFacts } from '../exchange.ts'
import { type HookResult, type Policy, type Refusal, refuse } from '../policy.ts'
import type { RequestLimitsSettings } from './schema.ts'

/** `: ` and the line end of a field in HTTP/1.1. */
const fieldOverheadBytes = 4

export function compile(settings: RequestLimitsSettings): Policy {
  return new RequestLimits(settings)
}

/** Refuses requests that are larger than an upstream should ever see. The refusals are made ahead; a passing request allocates nothing. */
class RequestLimits implements Policy {
  private readonly settings: RequestLimitsSettings
  private readonly urlTooLong: Refusal
  private readonly tooManyHeaders: Refusal
  private readonly headersTooLarge: Refusal
  private readonly tooManyParameters: Refusal
  private readonly bodyTooLarge: Refusal

  constructor(settings: RequestLimitsSettings) {
    this.settings = settings
    this.urlTooLong = refuse('client.url_too_long', `The URL may have ${settings.maxUrlBytes} bytes`)
    this.tooManyHeaders = refuse('client.too_many_headers', `The request may have ${settings.maxHeaders} header fields`)
    this.headersTooLarge = refuse('client.header_too_large', `The request header fields may have ${settings.maxHeaderBytes} bytes together`)
    this.tooManyParameters = refuse('client.too_many_query_parameters', `The query may have ${settings.maxQueryParameters} parameters`)
    this.bodyTooLarge = refuse('client.body_too_large', `The request body may have ${settings.maxBodyBytes} bytes`)
  }

  onRequest(exchange: Exchange): HookResult {
    const { request } = exchange
    const { settings } = this
    if (request.target.length > settings.maxUrlBytes) return this.urlTooLong
    if (request.headers.count > settings.maxHeaders) return this.tooManyHeaders
    if (headerBytes(request) > settings.maxHeaderBytes) return this.headersTooLarge
    if (request.query !== '' && countParameters(request.query) > settings.maxQueryParameters) return this.tooManyParameters
    return request.declaredBytes !== undefined && request.declaredBytes > settings.maxBodyBytes ? this.bodyTooLarge : undefined
  }

  onRequestBody(_exchange: Exchange, bytesSoFar: number): HookResult {
    return bytesSoFar > this.settings.maxBodyBytes ? this.bodyTooLarge : undefined
  }
}

/** Fields are latin1 strings: a character is a byte. */
function headerBytes(request: RequestFacts): number {
  const { flat } = request.headers
  let bytes = (flat.length >> 1) * fieldOverheadBytes
  for (let at = 0; at < flat.length; at++) bytes += flat[at]!.length
  return bytes
}
