import { removeHopByHop, type HeaderFields } from '@sluice/http'
import { limitFields } from '@sluice/policies/limit-fields'
import type { LimitStatement } from '@sluice/policies/exchange'
import type { CacheNote } from '../cache/cache-note.ts'

export interface OutgoingResponse {
  readonly requestId: string
  readonly limits: readonly LimitStatement[]
  /** Fields that policies want on any response. */
  readonly responseFields: readonly string[]
  /** On a route with the policy `cache`. */
  readonly cache: CacheNote | undefined
  readonly clientSide: { readonly encrypted: boolean }
  readonly snapshot: { readonly strictTransport: string | undefined }
}

/** What an upstream says that a client must not hear: the hop's own fields, and other ways to reach it (PX11). */
export function cleanUpstreamFields(fields: HeaderFields): void {
  removeHopByHop(fields)
  fields.remove('alt-svc')
  fields.remove('x-request-id')
}

/** Adds what every response carries, in place. Runs once a response. */
export function writeResponseFields(fields: HeaderFields, outgoing: OutgoingResponse): void {
  const { flat } = fields
  if (outgoing.limits.length > 0) writeLimitFields(fields, outgoing.limits)
  const { responseFields } = outgoing
  for (let index = 0; index < responseFields.length; index++) flat.push(responseFields[index]!)
  if (outgoing.cache !== undefined) writeCacheFields(fields, outgoing.cache)
  const { strictTransport } = outgoing.snapshot
  if (strictTransport !== undefined && outgoing.clientSide.encrypted) fields.set('Strict-Transport-Security', strictTransport)
  flat.push('X-Request-ID', outgoing.requestId)
  const via = fields.get('via')
  if (via === undefined) flat.push('Via', '1.1 sluice')
  else fields.set('Via', `${fields.getAll('via').join(', ')}, 1.1 sluice`)
}

/** `Cache-Status` (RFC 9211 §2) goes on from what caches before this one have said. */
function writeCacheFields(fields: HeaderFields, { status, detail }: CacheNote): void {
  fields.set('X-Cache-Status', status)
  const before = fields.getAll('cache-status')
  fields.set('Cache-Status', [...before, `sluice; ${detail}`].join(', '))
}

/** The gateway's limits replace an upstream's fields of the same names. */
function writeLimitFields(fields: HeaderFields, limits: readonly LimitStatement[]): void {
  const own = limitFields(limits)
  const mayReplace = mayHoldLimits(fields.flat)
  for (let index = 0; index < own.length; index += 2) {
    if (mayReplace) fields.set(own[index]!, own[index + 1]!)
    else fields.flat.push(own[index]!, own[index + 1]!)
  }
}

/** Hardly any upstream speaks of limits: one look at all names, instead of one for each field. `RateLimit…`, `X-RateLimit…` */
function mayHoldLimits(flat: readonly string[]): boolean {
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!
    if (name.length < 9) continue
    const first = name.charCodeAt(0) | 0x20
    if (first === 0x72 || (first === 0x78 && (name.charCodeAt(2) | 0x20) === 0x72)) return true
  }
  return false
}
