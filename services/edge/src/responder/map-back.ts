/**
 * What an upstream says of its own addresses, in the client's: `Location` and `Content-Location` (RFC 9110 §10.2.2, §8.7)
 * and the Domain and Path of `Set-Cookie` (RFC 6265 §5.2). Only what names the upstream as it was spoken to is mapped:
 * its scheme and host, its base path, and the prefix that the route took off. What a route's `rewrite.path` made cannot
 * be undone; such paths stay.
 */
import { isNamed, type HeaderFields } from '@sluice/http'

export interface MappedExchange {
  readonly request: { readonly authority: string; readonly headers: HeaderFields }
  readonly client: { readonly scheme: string }
  readonly endpoint: { readonly origin: string; readonly basePath: string; readonly hostHeader: string } | undefined
  readonly route: { readonly rewrite: { readonly stripped: string } | undefined }
}

/** Maps the fields of a response in place. An ordinary response costs one look at the length of each name. */
export function mapBack(fields: HeaderFields, exchange: MappedExchange): void {
  const { flat } = fields
  for (let at = 0; at < flat.length; at += 2) {
    const { length } = flat[at]!
    if (length !== 8 && length !== 10 && length !== 16) continue
    const name = flat[at]!
    if (isNamed(name, 'location') || isNamed(name, 'content-location')) flat[at + 1] = mapLocation(flat[at + 1]!, exchange)
    else if (isNamed(name, 'set-cookie')) flat[at + 1] = mapCookie(flat[at + 1]!, exchange)
  }
}

function mapLocation(value: string, exchange: MappedExchange): string {
  if (value.startsWith('/') && !value.startsWith('//')) return mapPath(value, exchange)
  const { endpoint, client, request } = exchange
  const parts = /^(https?):\/\/([^/?#]*)/i.exec(value)
  if (parts === null || endpoint === undefined) return value
  const scheme = parts[1]!.toLowerCase()
  // An upstream that sends its client on from http to https means it.
  if (!endpoint.origin.startsWith(`${scheme}:`) || !namesUpstream(parts[2]!, scheme, exchange)) return value
  const rest = value.slice(parts[0].length)
  return `${client.scheme}://${request.authority}${rest.startsWith('/') ? mapPath(rest, exchange) : rest}`
}

function namesUpstream(authority: string, scheme: string, { endpoint, request }: MappedExchange): boolean {
  const named = withoutPort(authority.toLowerCase(), scheme)
  return named === withoutPort(endpoint!.hostHeader.toLowerCase(), scheme) || named === withoutPort((request.headers.get('host') ?? '').toLowerCase(), scheme)
}

/** The scheme's own port says nothing. */
function withoutPort(authority: string, scheme: string): string {
  const own = scheme === 'https' ? ':443' : ':80'
  return authority.endsWith(own) ? authority.slice(0, -own.length) : authority
}

/** Of an absolute path with what stands behind it. A path outside of the upstream's base has no place at the gateway, and stays. */
function mapPath(value: string, { endpoint, route }: MappedExchange): string {
  const base = endpoint?.basePath ?? ''
  const stripped = route.rewrite?.stripped ?? ''
  const end = value.search(/[?#]/)
  const path = end < 0 ? value : value.slice(0, end)
  if (path !== base && !path.startsWith(`${base}/`)) return value
  const inside = path.slice(base.length)
  const mapped = stripped === '' || inside !== '/' ? stripped + inside : stripped
  return (mapped === '' ? '/' : mapped) + (end < 0 ? '' : value.slice(end))
}

function mapCookie(value: string, exchange: MappedExchange): string {
  const [pair = '', ...attributes] = value.split(';')
  const kept = [pair]
  for (const attribute of attributes) {
    const equals = attribute.indexOf('=')
    const name = attribute.slice(0, equals).trim().toLowerCase()
    const told = attribute.slice(equals + 1).trim()
    // Without Domain the cookie is the gateway's host's alone, as it was the upstream's.
    if (equals > 0 && name === 'domain' && isUpstreamHost(told, exchange)) continue
    // RFC 6265bis §4.1.3.2: a `__Host-` cookie is one of the path `/`, whatever it means to the upstream.
    const isPath = equals > 0 && name === 'path' && told.startsWith('/') && !/^\s*__host-/i.test(pair)
    kept.push(isPath ? ` Path=${mapPath(told, exchange)}` : attribute)
  }
  return kept.join(';')
}

function isUpstreamHost(domain: string, { endpoint, request }: MappedExchange): boolean {
  const asked = hostOf(domain.replace(/^\./, ''))
  if (asked === hostOf(request.authority)) return false
  return asked === hostOf(endpoint?.hostHeader ?? '') || asked === hostOf(request.headers.get('host') ?? '')
}

function hostOf(authority: string): string {
  return authority.replace(/:\d*$/, '').toLowerCase()
}
