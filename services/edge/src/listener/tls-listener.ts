/**
 * The listening socket of `listeners.https`: TLS ends here, and what is inside is carried by the gateway's own engine
 * (HTTP/1.1) or by HTTP/2 connections, whichever the client chose.
 */
import type { Socket } from 'node:net'
import { TlsServer, type HandshakeErrorReason, type TlsFacts } from './tls-server.ts'
import { TwoProtocolListener, type TwoProtocolListenerParts } from './two-protocol-listener.ts'

export interface TlsListenerParts extends TwoProtocolListenerParts {
  readonly tls: TlsFacts
  readonly ticketKeys: Buffer
  readonly onHandshakeError: (reason: HandshakeErrorReason) => void
}

export class TlsListener extends TwoProtocolListener {
  private readonly tls: TlsServer

  constructor(parts: TlsListenerParts) {
    super(parts, true)
    this.tls = new TlsServer(parts.tls, parts.ticketKeys, {
      onSocket: (socket, protocol, peerAddress) => (protocol === 'h2' ? this.http2 : this.http1).serve(socket, peerAddress),
      onHandshakeError: parts.onHandshakeError,
    })
  }

  /** What new handshakes go by; connections that stand are not touched. */
  useTls(facts: TlsFacts): void {
    this.tls.configure(facts)
  }

  useTicketKeys(keys: Buffer): void {
    this.tls.useTicketKeys(keys)
  }

  protected accept(socket: Socket, peerAddress: string): void {
    this.tls.accept(socket, peerAddress)
  }

  protected destroyUndecided(): void {
    this.tls.destroySockets()
  }
}
