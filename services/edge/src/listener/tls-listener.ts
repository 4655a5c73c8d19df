/**
 * The listening socket of `listeners.https`: TLS ends here, and what is inside is carried by the gateway's own engine
 * (HTTP/1.1) or by HTTP/2 connections, whichever the client chose.
 */
import type { TLSSocket } from 'node:tls'
import { EngineListener } from './engine-listener.ts'
import { engineLimits, type EngineLimits } from './engine-limits.ts'
import { Http2Connection, type Http2Flood } from './http2-connection.ts'
import { http2Limits, type Http2Limits } from './http2-limits.ts'
import type { HttpListenerParts, Listener } from './http-listener.ts'
import { TlsServer, type HandshakeErrorReason, type TlsFacts } from './tls-server.ts'

export interface TlsListenerParts extends HttpListenerParts {
  readonly tls: TlsFacts
  readonly ticketKeys: Buffer
  readonly onHandshakeError: (reason: HandshakeErrorReason) => void
  readonly onFlood: (kind: Http2Flood) => void
}

export class TlsListener implements Listener {
  readonly address: string
  private readonly tls: TlsServer
  private readonly http1: EngineListener
  private readonly http2 = new Set<Http2Connection>()
  private readonly sweeper: NodeJS.Timeout
  private draining = false

  constructor(parts: TlsListenerParts, limits: EngineLimits = engineLimits, http2: Http2Limits = http2Limits) {
    this.address = parts.address
    const shared = {
      limits,
      http2,
      encrypted: true,
      healthPath: () => this.healthPath,
      isServing: parts.isServing,
      isDraining: () => this.draining,
      onExchange: parts.onExchange,
      requestId: parts.requestId,
      onFlood: parts.onFlood,
      onClosed: (connection: Http2Connection) => {
        if (this.http2.delete(connection)) parts.onConnections(-1)
      },
    }
    const onHttp2 = (socket: TLSSocket): void => {
      this.http2.add(new Http2Connection(socket, shared))
      parts.onConnections(1)
    }
    this.tls = new TlsServer(parts.tls, parts.ticketKeys, {
      onSocket: (socket, protocol) => (protocol === 'h2' ? onHttp2(socket) : this.http1.accept(socket)),
      onHandshakeError: parts.onHandshakeError,
    })
    this.http1 = new EngineListener(parts, limits, this.tls.server)
    this.sweeper = setInterval(() => this.sweep(), limits.sweepMs).unref()
  }

  get healthPath(): string | undefined {
    return this.http1.healthPath
  }

  set healthPath(path: string | undefined) {
    this.http1.healthPath = path
  }

  /** What new handshakes go by; connections that stand are not touched. */
  configure(facts: TlsFacts): void {
    this.tls.configure(facts)
  }

  useTicketKeys(keys: Buffer): void {
    this.tls.useTicketKeys(keys)
  }

  listen(): Promise<number> {
    return this.http1.listen()
  }

  async drain(deadlineMs: number): Promise<void> {
    this.draining = true
    for (const connection of this.http2) connection.beginDrain()
    const end = setTimeout(() => {
      for (const connection of this.http2) connection.destroy()
      this.tls.destroySockets()
    }, deadlineMs)
    await this.http1.drain(deadlineMs)
    clearTimeout(end)
    clearInterval(this.sweeper)
  }

  private sweep(): void {
    const now = performance.now()
    for (const connection of this.http2) connection.checkDeadline(now)
  }
}
