import { appendVia, writeForwardingFields, type HeaderFields } from '@sluice/http'
import type { Identity } from '@sluice/policies/exchange'

export interface OutgoingRequest {
  readonly request: { readonly headers: HeaderFields; readonly authority: string }
  readonly client: { readonly peer: string; readonly trusted: boolean; readonly scheme: 'http' | 'https' }
  readonly clientSide: { readonly httpVersion: string; readonly localPort: number; readonly encrypted: boolean }
  readonly identity: Identity | undefined
  readonly requestId: string
}

/** Fields by which an upstream learns who is calling. Only the gateway sets them: what a client sends is removed. */
const identityFields = ['x-consumer-name', 'x-consumer-groups', 'x-credential-id'] as const

/**
 * Turns the client's fields into those for the upstream, in place; once an exchange, before its first attempt.
 * Throws `client.forwarded_malformed` for a trusted peer's field that cannot be read.
 */
export function writeRequestFields(outgoing: OutgoingRequest): void {
  const { headers, authority } = outgoing.request
  headers.remove('expect')
  headers.set('Host', authority)
  for (const name of identityFields) headers.remove(name)
  const { client, clientSide } = outgoing
  writeForwardingFields(headers, {
    peer: client.peer,
    trusted: client.trusted,
    scheme: clientSide.encrypted ? 'https' : 'http',
    host: authority,
    // A Unix socket has no port: the client's own connection ends at a proxy, at the port that goes with the scheme.
    port: clientSide.localPort || (clientSide.encrypted ? 443 : 80),
  })
  appendVia(headers, clientSide.httpVersion)
  headers.set('X-Request-ID', outgoing.requestId)
  if (outgoing.identity !== undefined) writeIdentity(headers, outgoing.identity)
}

function writeIdentity(headers: HeaderFields, identity: Identity): void {
  headers.add('X-Consumer-Name', fieldText(identity.consumer))
  if (identity.groups.length > 0) headers.add('X-Consumer-Groups', fieldText(identity.groups.join(',')))
  if (identity.credential !== '') headers.add('X-Credential-Id', fieldText(identity.credential))
}

/** A token's subject may hold anything; a field value holds visible ASCII, the rest is percent-encoded. */
function fieldText(value: string): string {
  if (isVisibleAscii(value)) return value
  return value.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character))
}

/** A loop: for texts this short a regular expression takes three times as long. */
function isVisibleAscii(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code < 0x21 || code > 0x7e) return false
  }
  return true
}

/** The Host for one attempt; undefined keeps the client's. */
export function hostForAttempt(setting: string, endpointHost: string): string | undefined {
  if (setting === 'client') return undefined
  return setting === 'endpoint' ? endpointHost : setting
}
