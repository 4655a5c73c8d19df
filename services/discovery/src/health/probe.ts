import { Client } from 'undici'
import { version } from '@sluice/service-kit'

export interface ProbeTarget {
  /** `http://host:port/path`, or `unix:SOCKET:/path`. */
  readonly url: string
  /** For the field Host; undefined: the URL's. */
  readonly host: string | undefined
  readonly timeoutMs: number
}

/**
 * Asks once with GET over a connection of its own: whether the port still takes connections is half of the question.
 * Resolves with undefined for a status of 200 to 399, else with why not, for people. A redirect is not followed and no
 * body is read. Never rejects.
 */
export async function probe({ url, host, timeoutMs }: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
  const { origin, path, socketPath } = placeOf(url)
  const client = new Client(origin, { connect: { timeout: timeoutMs, ...(socketPath === undefined ? {} : { socketPath }) }, pipelining: 0 })
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const headers = { 'user-agent': `sluice-health/${version}`, accept: '*/*', ...(host === undefined ? {} : { host }) }
    const { statusCode, body } = await client.request({ method: 'GET', path, headers, signal: AbortSignal.any([signal, timeout]) })
    body.on('error', () => {})
    return statusCode >= 200 && statusCode < 400 ? undefined : `the probe was answered ${statusCode}`
  } catch (error) {
    return timeout.aborted ? `the probe was not answered within ${timeoutMs} ms` : `the probe failed: ${reasonOf(error)}`
  } finally {
    void client.destroy().catch(() => {})
  }
}

function placeOf(url: string): { readonly origin: string; readonly path: string; readonly socketPath?: string } {
  const [, socketPath, path] = /^unix:([^:]+):(.*)$/.exec(url) ?? []
  if (socketPath !== undefined) return { origin: 'http://localhost', path: path!, socketPath }
  const { origin, pathname, search } = new URL(url)
  return { origin, path: pathname + search }
}

function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : 'the answer could not be read'
}
