/** One fetch of a JWKS document over HTTP: bounded in time and size, and never led to another origin. */
import { canonicalJson, digestOf } from '@sluice/proto/config'
import { publicKeySet } from '@sluice/verifier'
import { readBounded } from '../issuers/bounded-body.ts'

export interface FetchedDocument {
  /** The public keys as canonical JSON: equal sets have equal text. */
  readonly jwks: string
  readonly digest: string
  readonly freshMs: number
}

export type FetchDocument = (uri: string, options: { insecure: boolean }) => Promise<FetchedDocument>

const timeoutMs = 5000
const maxBytes = 1_000_000
const maxRedirects = 3
const fresh = { leastMs: 60_000, mostMs: 3_600_000, usualMs: 300_000 }

/** Fetches and reads the set. Rejects with an `Error` whose message is for the log. */
export const fetchDocument: FetchDocument = async (uri, { insecure }) => {
  const first = checkedUrl(uri, insecure)
  const signal = AbortSignal.timeout(timeoutMs)
  let url = first
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/jwk-set+json, application/json' } })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) return readDocument(response)
    await response.body?.cancel()
    url = new URL(location, url)
    // Whoever answers for the issuer must not be able to name another issuer, or an address inside the network.
    if (url.origin !== first.origin) throw new Error(`it redirects to another origin, ${url.origin}`)
  }
  throw new Error(`it redirects more than ${maxRedirects} times`)
}

/** `https`, or `http` where nobody stands in between: whoever can change a key set on its way can mint tokens. */
export function checkedUrl(uri: string, insecure: boolean): URL {
  const url = URL.parse(uri)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw new Error('it is not an http or https URL')
  if (url.username !== '' || url.password !== '') throw new Error('a URL with a password in it is not fetched')
  if (url.protocol === 'http:' && !insecure && !isLoopback(url.hostname)) throw new Error('plain http is for loopback only, unless `insecure` is set')
  return url
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

async function readDocument(response: Response): Promise<FetchedDocument> {
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`it answers with status ${response.status}`)
  }
  const jwks = canonicalJson(publicKeySet(await readBounded(response, maxBytes)))
  return { jwks, digest: digestOf(jwks), freshMs: freshMsOf(response.headers.get('cache-control')) }
}

/** RFC 9111 §5.2.2, within bounds: an issuer can neither have us ask all the time nor keep a lost key for a day. */
export function freshMsOf(cacheControl: string | null): number {
  const directives = (cacheControl ?? '').toLowerCase()
  if (/\bno-(?:store|cache)\b/.test(directives)) return fresh.leastMs
  const maxAge = /\bmax-age="?(\d{1,10})/.exec(directives)?.[1]
  if (maxAge === undefined) return fresh.usualMs
  return Math.min(fresh.mostMs, Math.max(fresh.leastMs, Number(maxAge) * 1000))
}
