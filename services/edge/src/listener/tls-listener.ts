/**
 * The listening socket of `listeners.https`: TLS ends here, and what is inside is carried by the gateway's own engine
 * (HTTP/1.1) or by HTTP/2 connections, whichever the client chose.
 */
import type { TLSSocket } from 'node:tls'
import type { DoorRules } from './door-rules.ts'
import { EngineListener } from './engine-listener.ts'
import { engineLimits } from './engine-limits.ts'
import { Http2Connection, type Http2ConnectionParts } from './http2-connection.ts'
import type { Http2Flood } from './http2-floods.ts'
import { http2Limits } from './http2-limits.ts'
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
  private rules: DoorRules
  private draining = false

  constructor(parts: TlsListenerParts) {
    this.address = parts.address
    this.rules = parts.rules
    const { onConnections } = parts
    const shared = this.connectionParts(parts)
    const onHttp2 = (socket: TLSSocket, peerAddress: string): void => {
      this.http2.add(new Http2Connection(socket, shared, peerAddress))
      onConnections(1)
    }
    this.tls = new TlsServer(parts.tls, parts.ticketKeys, {
      onSocket: (socket, protocol, peerAddress) => (protocol === 'h2' ? onHttp2(socket, peerAddress) : this.http1.serve(socket, peerAddress)),
      onHandshakeError: parts.onHandshakeError,
    })
    this.http1 = new EngineListener(parts, (socket, peerAddress) => this.tls.accept(socket, peerAddress))
    this.sweeper = setInterval(() => this.sweep(), engineLimits.sweepMs).unref()
  }

  configure(rules: DoorRules): void {
    this.rules = rules
    this.http1.configure(rules)
  }

  /** What new handshakes go by; connections that stand are not touched. */
  useTls(facts: TlsFacts): void {
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

  private connectionParts(parts: TlsListenerParts): Http2ConnectionParts {
    const { isServing, onExchange, requestId, onFlood, onConnections } = parts
    return {
      limits: () => this.rules.limits,
      lifetime: () => this.rules.lifetime,
      http2: http2Limits,
      encrypted: true,
      healthPath: () => this.rules.healthPath,
      isServing,
      isDraining: () => this.draining,
      onExchange,
      requestId,
      onFlood,
      onClosed: (connection: Http2Connection) => {
        if (this.http2.delete(connection)) onConnections(-1)
      },
    }
  }

  private sweep(): void {
    const now = performance.now()
    for (const connection of this.http2) connection.checkDeadline(now)
  }
}
