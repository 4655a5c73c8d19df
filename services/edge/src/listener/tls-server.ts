/**
 * The TLS side of a listening socket: handshakes by the certificates of the moment, and each socket handed on with
 * the protocol that its client chose (ALPN, RFC 7301). What is replaced here concerns new handshakes only.
 */
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import type { Socket } from 'node:net'
import type { CertificateTable } from './certificate-table.ts'

export interface TlsFacts {
  readonly certificates: CertificateTable
  readonly http2: boolean
}

export interface TlsServerParts {
  readonly onSocket: (socket: TLSSocket, protocol: 'h2' | 'http/1.1', peerAddress: string) => void
  /** A handshake that came to nothing; for counting. */
  readonly onHandshakeError: (reason: HandshakeErrorReason) => void
}

/** Who does not finish in this time is gone or means harm. */
const handshakeMs = 10_000

export class TlsServer {
  private readonly parts: TlsServerParts
  /** Listens nowhere: it is given its connections. */
  private server: Server
  private facts: TlsFacts
  private ticketKeys: Buffer
  private readonly sockets = new Set<Socket>()
  /** Whose connection it is, where that is not the peer of the socket; by the socket's ends. */
  private readonly clients = new Map<string, string>()

  /** `ticketKeys`: 48 bytes, the same in every worker, so that each takes the sessions of the others. */
  constructor(facts: TlsFacts, ticketKeys: Buffer, parts: TlsServerParts) {
    this.facts = facts
    this.ticketKeys = ticketKeys
    this.parts = parts
    this.server = this.createServer()
  }

  /** Begins the handshake. `clientAddress`: whose connection it is. */
  accept(socket: Socket, clientAddress: string): void {
    this.sockets.add(socket)
    const ends = endsOf(socket)
    if (clientAddress !== socket.remoteAddress) this.clients.set(ends, clientAddress)
    socket.once('close', () => {
      this.sockets.delete(socket)
      this.clients.delete(ends)
    })
    this.server.emit('connection', socket)
  }

  /** New handshakes go by these; connections and sessions that stand are not touched. */
  configure(facts: TlsFacts): void {
    const { certificates } = this.facts
    this.facts = facts
    // Whether clients are asked for certificates is for a server's whole life.
    if (certificates.asksClients !== facts.certificates.asksClients) this.server = this.createServer()
    else if (certificates.compiled[0] !== facts.certificates.compiled[0]) this.server.setSecureContext({ ...facts.certificates.defaults, ticketKeys: this.ticketKeys })
  }

  useTicketKeys(keys: Buffer): void {
    this.ticketKeys = keys
    this.server.setTicketKeys(keys)
  }

  destroySockets(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  private createServer(): Server {
    const { certificates } = this.facts
    const server = createServer({
      ...certificates.defaults,
      ticketKeys: this.ticketKeys,
      handshakeTimeout: handshakeMs,
      // Who has none, or one that is not accepted, is served where no policy needs it.
      requestCert: certificates.asksClients,
      rejectUnauthorized: false,
      SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => done(null, this.facts.certificates.contextFor(name)),
      ALPNCallback: ({ protocols }) => this.choose(protocols),
    })
    server.on('secureConnection', (socket) => {
      // A client that asks for new keys again and again costs far more than it pays (RFC 9325 §3.5).
      socket.disableRenegotiation()
      this.parts.onSocket(socket, socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1', this.clients.get(endsOf(socket)) ?? socket.remoteAddress ?? '')
    })
    return server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      this.parts.onHandshakeError(reasonOf(error.code ?? ''))
      socket.destroy()
    })
  }

  private choose(protocols: readonly string[]): string | undefined {
    if (this.facts.http2 && protocols.includes('h2')) return 'h2'
    return protocols.includes('http/1.1') ? 'http/1.1' : undefined
  }
}

/** The same for a socket and for the encrypted one on it, and for no other two that are open at once. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

export type HandshakeErrorReason = 'timeout' | 'left' | 'not_tls' | 'version' | 'cipher' | 'protocol' | 'certificate_refused' | 'other'

/** OpenSSL has hundreds of codes: these tell a scanner from an old client from a certificate that clients do not trust. */
function reasonOf(code: string): HandshakeErrorReason {
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout'
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING') return 'left'
  if (/HTTP_REQUEST|HTTPS_PROXY_REQUEST|WRONG_VERSION_NUMBER/.test(code)) return 'not_tls'
  if (/UNSUPPORTED_PROTOCOL|VERSION/.test(code)) return 'version'
  if (code.includes('APPLICATION_PROTOCOL')) return 'protocol'
  if (/CIPHER|SUITABLE|GROUP|CURVE|KEY_SHARE/.test(code)) return 'cipher'
  return /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE)/.test(code) ? 'certificate_refused' : 'other'
}
