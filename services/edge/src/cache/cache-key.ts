/**
 * Under which keys a response is looked up and kept. A key holds all that the gateway itself makes responses differ by: the URL that was asked for, and the
 * upstream, path and query that are sent, which policies may have made of who is calling.
 */
import { type HeaderFields, varyText } from '@sluice/http'
import type { Identity } from '@sluice/policies/exchange'
import type { CacheRules } from '@sluice/policies/policy'

export interface KeyedRequest {
  readonly client: { readonly scheme: string }
  readonly request: { readonly host: string; readonly port: number; readonly target: string; readonly askedPath: string; readonly path: string; readonly query: string; readonly headers: HeaderFields }
  readonly route: { readonly upstream: { readonly name: string } | undefined }
}

type KeyRules = Pick<CacheRules, 'keyQuery' | 'keyHeaders'>

const ordinaryPorts: Readonly<Record<string, number>> = { http: 80, https: 443 }

/** `//host/path?query` as it was asked for: what purges name it by. Of the query what counts stays. */
export function cacheUrl({ client, request }: KeyedRequest, { keyQuery }: KeyRules): string {
  const port = request.port === ordinaryPorts[client.scheme] ? '' : `:${request.port}`
  const query = keyedQuery(askedQuery(request.target), keyQuery)
  return `//${request.host}${port}${request.askedPath}${query === '' ? '' : `?${query}`}`
}

/** The same for requests that are answered alike, apart from who is calling and from `Vary`. */
export function cacheKey(keyed: KeyedRequest, rules: KeyRules, url: string): string {
  const { client, request, route } = keyed
  const path = request.path === request.askedPath ? '' : ` ${request.path}`
  const query = request.query === askedQuery(request.target) ? '' : ` ?${keyedQuery(request.query, rules.keyQuery)}`
  return `${client.scheme}:${url} ${route.upstream?.name ?? ''}${path}${query}${varyText(rules.keyHeaders, request.headers)}`
}

/** Of responses that say themselves that they are for all; callers have parts of their own beside it. */
export function sharedKeyOf(key: string): string {
  return `*${key}`
}

/** Of responses for callers like this one: the same consumer with the same credential and scopes, or all whom no policy has identified. */
export function ownKeyOf(key: string, identity: Identity | undefined): string {
  return identity === undefined ? key : `${JSON.stringify([identity.consumer, identity.credential, identity.method, [...identity.scopes].sort()])}${key}`
}

function askedQuery(target: string): string {
  const at = target.indexOf('?')
  return at < 0 ? '' : target.slice(at + 1)
}

/** The parameters that count, by name, those of one name in their order. */
function keyedQuery(query: string, names: ReadonlySet<string> | undefined): string {
  if (names === undefined || query === '') return query
  const parts = query.split('&').map((part) => ({ part, name: nameOf(part) }))
  return parts.filter(({ name }) => names.has(name)).sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)).map(({ part }) => part).join('&')
}

function nameOf(part: string): string {
  const name = part.split('=', 1)[0]!.replaceAll('+', ' ')
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
