import { countParameters } from '@sluice/http'
import type { Exchange, RequestFacts } from '../exchange.ts'
import { type HookResult, type Policy, type Refusal, refuse } from '../policy.ts'
import { isPlain, saysJson } from './json-body.ts'
import { type JsonFault, JsonScan } from './json-scan.ts'
import type { JsonSettings, RequestLimitsSettings } from './schema.ts'

/** `: ` and the line end of a field in HTTP/1.1. */
const fieldOverheadBytes = 4

export function compile(settings: RequestLimitsSettings): Policy {
  return settings.json === undefined ? new RequestLimits(settings) : new WithJsonLimits(settings, settings.json)
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

  onRequestBody(_exchange: Exchange, bytesSoFar: number, _piece?: Uint8Array): HookResult {
    return bytesSoFar > this.settings.maxBodyBytes ? this.bodyTooLarge : undefined
  }
}

/** Reads bodies that are JSON on their way as well. A class of its own, so that others pay nothing for it. */
class WithJsonLimits extends RequestLimits {
  private readonly json: JsonSettings
  private readonly refusals: Readonly<Record<JsonFault, Refusal>>
  private readonly unreadable: Refusal
  private readonly scans = new WeakMap<Exchange, JsonScan>()

  constructor(settings: RequestLimitsSettings, json: JsonSettings) {
    super(settings)
    this.json = json
    this.refusals = {
      too_deep: refuse('client.json_too_deep', `JSON may be nested ${json.maxDepth} levels deep`),
      too_many_keys: refuse('client.json_too_large', `JSON may have ${json.maxKeys} names in all its objects together`),
      too_many_elements: refuse('client.json_too_large', `JSON may have ${json.maxElements} elements in all its arrays together`),
      malformed: refuse('client.json_malformed'),
    }
    // RFC 9110 §15.5.16: which content codings would have been accepted.
    this.unreadable = refuse('client.body_encoding_unsupported', 'JSON is taken in UTF-8 and not compressed', ['Accept-Encoding', 'identity'])
  }

  override onRequest(exchange: Exchange): HookResult {
    const refused = super.onRequest(exchange)
    const { request } = exchange
    if (refused !== undefined || request.declaredBytes === 0 || !(this.json.anyType || saysJson(request.headers))) return refused
    if (!isPlain(request.headers)) return this.unreadable
    this.scans.set(exchange, new JsonScan(this.json))
    return undefined
  }

  override onRequestBody(exchange: Exchange, bytesSoFar: number, piece: Uint8Array): HookResult {
    const refused = super.onRequestBody(exchange, bytesSoFar)
    if (refused !== undefined) return refused
    const fault = this.scans.get(exchange)?.scan(piece)
    return fault === undefined ? undefined : this.refusals[fault]
  }
}

/** Fields are latin1 strings: a character is a byte. */
function headerBytes(request: RequestFacts): number {
  const { flat } = request.headers
  let bytes = (flat.length >> 1) * fieldOverheadBytes
  for (let at = 0; at < flat.length; at++) bytes += flat[at]!.length
  return bytes
}
