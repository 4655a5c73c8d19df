/** How connections to encrypted endpoints are opened, made once from the settings and shared by all of them. */
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { checkServerIdentity, connect, createSecureContext, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls'
import type { Destination } from './destination.ts'
import type { UpstreamTls as Settings } from '@sluice/proto/config'

export interface UpstreamTls {
  /** The same for the same settings. */
  readonly key: string
  readonly context: SecureContext
  readonly serverName: string | undefined
}

/** Why an upstream's settings cannot be used; `pointer` is their place in the document. */
export class UpstreamTlsProblem extends Error {
  readonly pointer: string

  constructor(message: string, pointer: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'UpstreamTlsProblem'
    this.pointer = pointer
  }
}

/** The contexts in use, by what they are made of: settings that stay keep theirs, and with it their connections. */
export class UpstreamTlsContexts {
  private byKey: Map<string, UpstreamTls> = new Map()
  private readonly bySettings = new WeakMap<Settings, UpstreamTls>()

  /** Makes what is new; nothing that is there changes. Throws `UpstreamTlsProblem`. */
  prepare(upstreams: Readonly<Record<string, { readonly tls?: Settings | undefined }>>): void {
    for (const [name, { tls }] of Object.entries(upstreams)) {
      if (tls === undefined) continue
      try {
        this.of(tls)
      } catch (error) {
        throw new UpstreamTlsProblem(`the files of "tls" cannot be used (${(error as Error).message})`, `/upstreams/${name}/tls`, error)
      }
    }
  }

  /** Settings of an upstream, or none: then what Node trusts is trusted. */
  of(settings: Settings = nothing): UpstreamTls {
    const known = this.bySettings.get(settings)
    if (known !== undefined) return known
    const { caFile: ca, clientCertFile: cert, clientKeyFile: key, serverName } = settings
    const digest = createHash('sha256').update(JSON.stringify([ca, cert, key, serverName])).digest('base64')
    const made = this.byKey.get(digest) ?? { key: digest, serverName, context: createSecureContext({ minVersion: 'TLSv1.2', ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }) }
    this.byKey.set(digest, made)
    this.bySettings.set(settings, made)
    return made
  }

  /** Forgets what none of these is made of; answers the keys that stay. */
  keepOnly(settings: Iterable<Settings | undefined>): ReadonlySet<string> {
    const kept = [...settings, nothing].flatMap((one = nothing) => this.bySettings.get(one) ?? [])
    this.byKey = new Map(kept.map((one) => [one.key, one]))
    return new Set(this.byKey.keys())
  }
}

const nothing: Settings = {}

export interface SecureTarget {
  readonly destination: Destination
  readonly tls: UpstreamTls
  /** From an earlier connection, so that the handshake is a short one. */
  readonly session: Buffer | undefined
  /** Offered in the handshake (ALPN). */
  readonly protocol: 'http/1.1' | 'h2'
}

/** Opens a connection that is verified against the server's name, or its address when it has no name. */
export function connectSecurely({ destination, tls, session, protocol }: SecureTarget): TLSSocket {
  const socket = connect({
    ...destination,
    secureContext: tls.context,
    servername: nameFor(tls, 'host' in destination ? destination.host : ''),
    ALPNProtocols: [protocol],
    checkServerIdentity: checkName,
    ...(session === undefined ? {} : { session }),
  })
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  return socket
}

/** Whether the certificate stands for the name; an error without the certificate in it, which would fill the log. */
export function checkName(host: string, certificate: PeerCertificate): Error | undefined {
  const error = checkServerIdentity(host, certificate)
  if (error !== undefined) delete (error as { cert?: unknown }).cert
  return error
}

/** SNI holds no addresses (RFC 6066 §3): empty asks for none. */
export function nameFor({ serverName }: UpstreamTls, host: string): string {
  return serverName ?? (isIP(host) === 0 ? host : '')
}

/** Whether an error is TLS's own word on a handshake or a certificate, rather than the network's. */
export function isTlsError(error: Error | undefined): boolean {
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  return /^ERR_(SSL|TLS)_|^(CERT|CRL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|INVALID_(CA|PURPOSE)|PATH_LENGTH|HOSTNAME)_?/.test(code)
}
