import type { ActiveHealth, Upstream, UpstreamTls } from '@sluice/proto/config'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectSecurely, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { Client, type buildConnector } from 'undici'
import { version } from '@sluice/service-kit'
import { probeGrpc } from './grpc-probe.ts'

export interface ProbeTarget {
  /** `http://host:port/path`, `https://host:port/path` or `unix:SOCKET:/path`. */
  readonly url: string
  /** For the field Host; undefined: the URL's. */
  readonly host: string | undefined
  readonly timeoutMs: number
  /** For a URL that begins with `https://`; undefined: what Node trusts. */
  readonly tls?: UpstreamTls | undefined
  /** What it is asked in [http1]; HTTP/2 as edges speak it: over TLS by ALPN, without it at once. */
  readonly protocol?: Upstream['protocol']
  /** How it is asked [http]. */
  readonly kind?: ActiveHealth['kind']
  /** With `grpc`: the service asked about [the server as a whole]. */
  readonly service?: string
}

/**
 * Asks once over a connection of its own: whether the port still takes connections is half of the question. Resolves with
 * undefined for a success, else with why not, for people. Never rejects.
 */
export async function probe(target: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(target.timeoutMs)
  const either = AbortSignal.any([signal, timeout])
  try {
    if (target.kind === 'tcp') return await connectOnce(target, either)
    if (target.kind === 'grpc') return await probeGrpc(open(target, 'h2'), target.service ?? '', either)
    return await askByGet(target, either)
  } catch (error) {
    return timeout.aborted ? `the probe was not answered within ${target.timeoutMs} ms` : `the probe failed: ${reasonOf(error)}`
  }
}

/** A status of 200 to 399 is a success. A redirect is not followed and no body is read. */
async function askByGet({ url, host, timeoutMs, tls = {}, protocol = 'http1' }: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
  const { origin, path, socketPath } = placeOf(url)
  const isHttp2 = protocol === 'http2'
  const plain = { timeout: timeoutMs, ...(socketPath === undefined ? {} : { socketPath }) }
  const connect = origin.startsWith('https:') ? secureConnector(tls, isHttp2 ? 'h2' : 'http/1.1', signal) : plain
  const client = new Client(origin, { connect, allowH2: isHttp2, h2Options: { useH2c: isHttp2 }, pipelining: isHttp2 ? 1 : 0 })
  try {
    const headers = { 'user-agent': `sluice-health/${version}`, accept: '*/*', ...(host === undefined ? {} : { host }) }
    const { statusCode, body } = await client.request({ method: 'GET', path, headers, signal })
    body.on('error', () => {})
    return statusCode >= 200 && statusCode < 400 ? undefined : `the probe was answered ${statusCode}`
  } finally {
    void client.destroy().catch(() => {})
  }
}

/** A connection is enough, over TLS its handshake. */
function connectOnce(target: ProbeTarget, signal: AbortSignal): Promise<undefined> {
  const socket = open(target, undefined)
  signal.addEventListener('abort', () => socket.destroy(new Error('the probe was ended')), { once: true })
  return new Promise<undefined>((resolve, reject) => {
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => resolve(undefined)).on('error', reject)
  }).finally(() => socket.destroy())
}

/** A connection to where the URL leads; `protocol` is asked for by ALPN. */
function open({ url, tls = {} }: ProbeTarget, protocol: string | undefined): Socket {
  const { origin, socketPath } = placeOf(url)
  if (socketPath !== undefined) return connect(socketPath)
  const { hostname, port } = new URL(origin)
  return origin.startsWith('https:') ? openSecurely(tls, protocol, hostname, port) : connect({ host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) })
}

function placeOf(url: string): { readonly origin: string; readonly path: string; readonly socketPath?: string } {
  const [, socketPath, path] = /^unix:([^:]+):(.*)$/.exec(url) ?? []
  if (socketPath !== undefined) return { origin: 'http://localhost', path: path!, socketPath }
  const { origin, pathname, search } = new URL(url)
  return { origin, path: pathname + search }
}

/** Encrypted as the edges do it: the name asked for is the setting's, else the endpoint's, whatever the field Host holds. */
function secureConnector(tls: UpstreamTls, protocol: string, signal: AbortSignal): buildConnector.connector {
  return ({ hostname, port }, callback) => {
    const socket = openSecurely(tls, protocol, hostname, port)
    socket.once('secureConnect', () => callback(null, socket)).once('error', (error) => callback(error, null))
    signal.addEventListener('abort', () => socket.destroy(), { once: true })
  }
}

function openSecurely(tls: UpstreamTls, protocol: string | undefined, hostname: string, port: string): TLSSocket {
  const host = hostname.replace(/^\[|\]$/g, '')
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : '')
  return connectSecurely({ host, port: port === '' ? 443 : Number(port), servername, secureContext: contextOf(tls), ...(protocol !== undefined && { ALPNProtocols: [protocol] }) })
}

const contexts = new WeakMap<UpstreamTls, SecureContext>()

/** Reading certificates costs more than the probe, so it is done once for settings. */
function contextOf(tls: UpstreamTls): SecureContext {
  const known = contexts.get(tls)
  if (known !== undefined) return known
  const { caFile: ca, clientCertFile: cert, clientKeyFile: key } = tls
  const made = createSecureContext({ minVersion: 'TLSv1.2', ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
  contexts.set(tls, made)
  return made
}

function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : 'the answer could not be read'
}
