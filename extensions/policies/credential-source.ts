import { readCookie, readParameter, removeCookie, removeParameter } from '@sluice/http'
import type { RequestFacts } from './exchange.ts'

/** Where in a request a credential stands. `name` is in lower case for a header. */
export interface CredentialSource {
  readonly kind: 'header' | 'query' | 'cookie'
  readonly name: string
}

/** The source that a text such as `header authorization`, `query token` or `cookie session` means; undefined when it means none. */
export function parseSource(text: string): CredentialSource | undefined {
  const match = /^(header|query|cookie) +([!#$%&'*+.^_`|~0-9A-Za-z-]+)$/.exec(text)
  if (match === null) return undefined
  const kind = match[1] as CredentialSource['kind']
  return { kind, name: kind === 'header' ? match[2]!.toLowerCase() : match[2]! }
}

/**
 * The credential as it was sent; undefined when there is none, '' when it cannot be used: empty, or a field that
 * stands twice, of which the upstream might read the other one.
 */
export function readCredential(source: CredentialSource, request: RequestFacts): string | undefined {
  const { kind, name } = source
  if (kind === 'query') return request.query === '' ? undefined : readParameter(request.query, name)
  if (kind === 'cookie') return cookieIn(request, name)
  const { headers } = request
  const at = headers.indexOf(name, 0)
  if (at < 0) return undefined
  return headers.indexOf(name, at + 2) < 0 ? headers.flat[at + 1]! : ''
}

/** HTTP/2 may send the cookies of one request in several fields (RFC 9113 §8.2.3). */
function cookieIn(request: RequestFacts, name: string): string | undefined {
  const { headers } = request
  for (let at = headers.indexOf('cookie', 0); at >= 0; at = headers.indexOf('cookie', at + 2)) {
    const value = readCookie(headers.flat[at + 1]!, name)
    if (value !== undefined) return value
  }
  return undefined
}

/** Removes the credential from what is sent upstream; other parameters and cookies stay byte for byte. */
export function hideCredential(source: CredentialSource, request: RequestFacts): void {
  const { kind, name } = source
  if (kind === 'header') request.headers.remove(name)
  else if (kind === 'query') request.query = removeParameter(request.query, name)
  else hideCookie(request, name)
}

function hideCookie(request: RequestFacts, name: string): void {
  const { flat } = request.headers
  for (let at = request.headers.indexOf('cookie', 0); at >= 0; ) {
    const rest = removeCookie(flat[at + 1]!, name)
    if (rest === '') flat.splice(at, 2)
    else flat[at + 1] = rest
    at = request.headers.indexOf('cookie', rest === '' ? at : at + 2)
  }
}
