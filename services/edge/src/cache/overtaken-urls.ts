import type { HeaderFields } from '@sluice/http'

const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** RFC 9110 §9.2.1: it may change what stands under its URL. A method that nobody knows may, too. */
export function isUnsafe(method: string): boolean {
  return !safe.has(method)
}

/** What a request that changes things makes out of date: its own URL, and those of the same host that its response names (RFC 9111 §4.4). */
export function urlsOvertaken(url: string, response: Pick<HeaderFields, 'get'>): string[] {
  const own = new URL(`http:${url}`)
  const urls = new Set([url])
  for (const name of ['location', 'content-location']) {
    const value = response.get(name)
    if (value === undefined || !URL.canParse(value, own)) continue
    const named = new URL(value, own)
    if (named.hostname === own.hostname) urls.add(`${url.slice(0, url.indexOf('/', 2))}${named.pathname}${named.search}`)
  }
  return [...urls]
}
