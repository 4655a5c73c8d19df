import { catalogue, type ErrorCode } from '@sluice/errors'
import type { ClientSide } from '../listener/client-side.ts'
import { errorResponse } from './own-response.ts'

/** Answers a request that does not become an exchange. */
export function refuseAtOnce(client: ClientSide, code: ErrorCode, requestId: string): void {
  const { status, fields, body } = errorResponse({ code, message: catalogue[code].message, requestId, accept: undefined, isGrpc: client.isGrpc })
  client.sendHead(status, [...fields, 'X-Request-ID', requestId, 'Via', '1.1 sluice'], false)
  client.end(body)
}
