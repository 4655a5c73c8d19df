import type { Exchange } from '../exchange.ts'
import type { Policy } from '../policy.ts'
import type { RequestIdSettings } from './schema.ts'

const maxLength = 128

export function compile(settings: RequestIdSettings): Policy {
  return new RequestId(settings)
}

/** Keeps the id that a believed client sent in place of the one that the edge made. */
class RequestId implements Policy {
  private readonly header: string
  private readonly lowerHeader: string
  private readonly trustClient: boolean
  private readonly isOrdinary: boolean

  constructor(settings: RequestIdSettings) {
    this.header = settings.header
    this.lowerHeader = settings.header.toLowerCase()
    this.trustClient = settings.trustClient
    this.isOrdinary = this.lowerHeader === 'x-request-id'
  }

  onRequest(exchange: Exchange): undefined {
    if (this.trustClient || exchange.client.trusted) {
      const sent = exchange.request.headers.get(this.lowerHeader)
      if (sent !== undefined && isRequestId(sent)) exchange.requestId = sent
    }
    // The edge writes X-Request-ID itself, both ways.
    if (this.isOrdinary) return undefined
    exchange.request.headers.set(this.header, exchange.requestId)
    exchange.responseFields.push(this.header, exchange.requestId)
    return undefined
  }
}

/** 1 to 128 visible ASCII characters: what can stand in any log, header and URL without harm to its reader. */
function isRequestId(text: string): boolean {
  if (text.length === 0 || text.length > maxLength) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x21 || code > 0x7e) return false
  }
  return true
}
