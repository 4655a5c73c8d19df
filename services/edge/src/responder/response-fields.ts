import { removeHopByHop, type HeaderFields } from '@sluice/http'
import { limitFields } from '@sluice/policies/limit-fields'
import type { LimitStatement } from '@sluice/policies/exchange'

export interface OutgoingResponse {
  readonly requestId: string
  readonly limits: readonly LimitStatement[]
  /** Fields that policies want on any response. */
  readonly responseFields: readonly string[]
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
  const { strictTransport } = outgoing.snapshot
  if (strictTransport !== undefined && outgoing.clientSide.encrypted) fields.set('Strict-Transport-Security', strictTransport)
  flat.push('X-Request-ID', outgoing.requestId)
  const via = fields.get('via')
  if (via === undefined) flat.push('Via', '1.1 sluice')
  else fields.set('Via', `${fields.getAll('via').join(', ')}, 1.1 sluice`)
}

/** The gateway's limits replace an upstream's fields of the same names. */
function writeLimitFields(fields: HeaderFields, limits: readonly LimitStatement[]): void {
  const own = limitFields(limits)
  for (let index = 0; index < own.length; index += 2) fields.set(own[index]!, own[index + 1]!)
}
