import type { ConfigDocument, ConfigVersion } from '@sluice/buses/config-feed'
import { SluiceError } from '@sluice/errors'

const timeoutMs = 10_000
const maxBytes = 256 * 1024 * 1024

/**
 * Fetches the head document from the first control that answers, for when the bus is away. The digest is checked by
 * the caller. Throws `dependency.bus_unreachable` when none answers.
 */
export function pullOverHttp(urls: readonly string[], token: string | undefined): (have: ConfigVersion | undefined) => Promise<ConfigDocument | undefined> {
  return async (have) => {
    const failures: unknown[] = []
    for (const url of urls) {
      try {
        return await pullFrom(url, token, have)
      } catch (error) {
        failures.push(error)
      }
    }
    throw new SluiceError('dependency.bus_unreachable', { detail: 'No control answers, by the bus or over HTTP', cause: new AggregateError(failures) })
  }
}

async function pullFrom(base: string, token: string | undefined, have: ConfigVersion | undefined): Promise<ConfigDocument | undefined> {
  const headers: Record<string, string> = {}
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`
  if (have !== undefined) headers['if-none-match'] = `"${have.digest}"`
  const response = await fetch(new URL('/v1/internal/config', base), { headers, signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
  if (response.status === 304 || response.status === 404) return undefined
  if (!response.ok) throw new Error(`control answered ${response.status}`)
  const document = new Uint8Array(await response.arrayBuffer())
  if (document.length > maxBytes) throw new Error('the document is too large')
  const digest = (response.headers.get('etag') ?? '').replaceAll('"', '')
  return { revision: Number(response.headers.get('x-sluice-revision')), digest, document }
}
