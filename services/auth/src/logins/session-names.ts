/** Names that sessions are ended by. Digests, so that changes tell nobody who logs in where. */
import { createHash } from 'node:crypto'

/** Of the issuer's own session (`sid`). */
export function sessionOfIssuer(issuer: string, sid: string): string {
  return nameOf('sid', issuer, sid)
}

/** Of everything that a user has at an issuer. */
export function sessionOfSubject(issuer: string, subject: string): string {
  return nameOf('sub', issuer, subject)
}

function nameOf(...parts: readonly string[]): string {
  return `session:${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`
}
