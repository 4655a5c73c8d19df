/**
 * The gateway's errors in gRPC's words: a status and a message in trailer fields, or in the head of a response that has
 * nothing else (gRPC over HTTP/2, "Responses"). The codes are those that a gRPC client makes of an HTTP status itself
 * (grpc/doc/http-grpc-status-mapping.md), but for limits and deadlines, which have codes of their own.
 */
import type { ErrorCode } from '@sluice/errors'

const unknown = 2

const byStatus: Readonly<Record<number, number>> = {
  400: 13, 401: 16, 403: 7, 404: 12, 405: 12, 408: 4, 413: 8, 414: 8, 417: 13, 429: 8, 431: 8, 499: 1, 500: 13, 501: 12, 502: 14, 503: 14, 504: 14,
}

/** Flat: `grpc-status` and `grpc-message`. `status`: of HTTP, which the error has elsewhere. */
export function grpcStatusFields(code: ErrorCode, status: number, message: string): string[] {
  const grpcStatus = code === 'upstream.request_timeout' ? 4 : (byStatus[status] ?? unknown)
  return ['grpc-status', String(grpcStatus), 'grpc-message', percentEncoded(`${message} (${code})`)]
}

/** Printable ASCII stays, but for the percent sign; the rest is UTF-8 in escapes. */
function percentEncoded(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/gu, (text) => Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''))
}
