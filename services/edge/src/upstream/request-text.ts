/** The head of a request as it goes to an endpoint (RFC 9112 §3, §5). */
import { isNamed } from '@sluice/http'
import type { AttemptRequest } from './upstream-client.ts'

/** Without the empty line that ends it; more fields may follow. */
export function requestText({ method, path, fields, acceptsTrailers }: AttemptRequest): string {
  let text = `${method} ${path} HTTP/1.1\r\n`
  // Piece by piece to the end: a piece put together before costs as much again.
  for (let index = 0; index < fields.length; index += 2) text = text + fields[index]! + ': ' + fields[index + 1]! + '\r\n'
  // What TE says is for this hop alone, and has to be named so (RFC 9110 §10.1.4).
  if (acceptsTrailers) text += 'Connection: TE\r\n'
  return text
}

/** Whether the fields say how long the body is. */
export function hasLength(fields: readonly string[]): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]!
    if (name.length === 14 && isNamed(name, 'content-length')) return true
  }
  return false
}
