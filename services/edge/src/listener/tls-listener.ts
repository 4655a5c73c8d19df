/**
 * The listening socket of `listeners.https`: TLS ends here, and what is inside is carried by the gateway's own engine
 * (HTTP/1.1) or by HTTP/2 connections, whichever the client chose.
 */
import type { DoorRules } from './door-rules.ts'
import { EngineListener } from './engine-listener.ts'
import { engineLimits } from './engine-limits.ts'
import { Http2Connections } from './http2-connections.ts'
import type { Http2Flood } from './http2-floods.ts'
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
  private readonly http2: Http2Connections
  private readonly sweeper: NodeJS.Timeout
  private rules: DoorRules

  constructor(parts: TlsListenerParts) {
    this.address = parts.address
    this.rules = parts.rules
    const { isServing, onExchange, onConnections, requestId, onFlood } = parts
    this.http2 = new Http2Connections({ encrypted: true, rules: () => this.rules, isServing, onExchange, onConnections, requestId, onFlood })
    this.tls = new TlsServer(parts.tls, parts.ticketKeys, {
      onSocket: (socket, protocol, peerAddress) => (protocol === 'h2' ? this.http2 : this.http1).serve(socket, peerAddress),
      onHandshakeError: parts.onHandshakeError,
    })
    this.http1 = new EngineListener(parts, { encrypted: true, accept: (socket, peerAddress) => this.tls.accept(socket, peerAddress) })
    this.sweeper = setInterval(() => this.http2.sweep(performance.now()), engineLimits.sweepMs).unref()
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
    this.http2.beginDrain()
    const end = setTimeout(() => {
      this.http2.destroy()
      this.tls.destroySockets()
    }, deadlineMs)
    await this.http1.drain(deadlineMs)
    clearTimeout(end)
    clearInterval(this.sweeper)
  }
}
