/** What the engine answers by itself: to a request that never becomes an exchange, and to a load balancer's probe. */
import { catalogue, errorBody, type ErrorCode } from '@sluice/errors'
import type { RefusedConnection } from './admission.ts'
import { dateField, statusLine } from './response-text.ts'

/** The whole response to a request that cannot be read; the connection ends after it. */
export function refusalText(code: ErrorCode, requestId: string): string {
  const { status, message } = catalogue[code]
  const { contentType, body } = errorBody({ code, message, requestId }, undefined)
  const retry = status === 503 ? 'Retry-After: 1\r\n' : ''
  const fields = `Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${retry}X-Request-ID: ${requestId}\r\nVia: 1.1 sluice\r\nConnection: close\r\n`
  return `${statusLine(status)}${fields}${dateField()}\r\n${body}`
}

/** The whole response to a client that may not connect. */
export function refusedConnectionText(reason: RefusedConnection, requestId: string): string {
  return refusalText(reason === 'connection_limit' ? 'internal.overloaded' : 'client.too_many_connections', requestId)
}

export interface ProbeFacts {
  readonly isServing: boolean
  readonly isHead: boolean
  readonly minor: number
  readonly keepAlive: boolean
}

/** The whole response on `healthPath`. */
export function probeText({ isServing, isHead, minor, keepAlive }: ProbeFacts): string {
  const body = isServing ? '{"status":"serving"}\n' : '{"status":"not serving"}\n'
  const connection = keepAlive ? (minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n'
  const fields = `Content-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: ${body.length}\r\n${connection}`
  return `${statusLine(isServing ? 200 : 503)}${fields}${dateField()}\r\n${isHead ? '' : body}`
}
