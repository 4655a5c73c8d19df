/** What the gateway has to know of the browser that makes a request. */
import type { Exchange, RequestFacts } from '../exchange.ts'

/** `scheme://host[:port]` as browsers reach it. */
export function originOf({ client, request }: Exchange, publicUrl: string | undefined): string {
  return publicUrl ?? `${client.scheme}://${request.headers.get('host') ?? request.host}`
}

/** Whether a user is to see the answer: a page is being opened, not something fetched by one (Fetch Metadata §2.2). */
export function isNavigation({ method, headers }: RequestFacts): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const mode = headers.get('sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return headers.get('accept')?.includes('text/html') === true
}

/** Whether another site's page made it, as far as the browser says so. */
export function isFromElsewhere({ headers }: RequestFacts): boolean {
  return headers.get('sec-fetch-site') === 'cross-site'
}

const maxReturnCharacters = 1500

/**
 * Where the user was going, to go on there: path and query on the same origin, whatever stands in them. A query that would
 * make the URLs of a login too long is left out.
 */
export function returnAddress({ path, query }: RequestFacts): string {
  const whole = query === '' ? path : `${path}?${query}`
  return whole.length <= maxReturnCharacters ? whole : path.slice(0, maxReturnCharacters)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
