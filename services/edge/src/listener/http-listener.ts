/**
 * One listening socket of a worker, on `node:http`. How workers share the port: docs/decisions/0036-who-accepts.md.
 */
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { errorBody, type ErrorCode } from '@sluice/errors'
import type { RefusedConnection } from './admission.ts'
import type { ClientSide } from './client-side.ts'
import type { DoorRules } from './door-rules.ts'
import { listenAt, type ListenPlace } from './listen-at.ts'
import { NodeClientSide } from './node-client-side.ts'

export interface HttpListenerParts extends ListenPlace {
  /** Until `configure` brings others. */
  readonly rules: DoorRules
  /** Whether `healthPath` says 200. */
  readonly isServing: () => boolean
  readonly onExchange: (client: ClientSide) => void
  readonly onConnections: (change: 1 | -1) => void
  readonly onRefused: (reason: RefusedConnection) => void
  readonly requestId: () => string
}

/** Idle connections are closed this much later than the listening socket: a request may be on its way already. */
const idleGraceMs = 500

/** What a listening socket is to a worker, whichever engine reads from it. */
export interface Listener {
  readonly address: string
  /** What it allows from now on. */
  configure(rules: DoorRules): void
  /** Resolves with the port. Rejects with one line that names the address and the setting. */
  listen(): Promise<number>
  /**
   * Stops accepting, answers what was accepted with `Connection: close`, closes idle connections half a second
   * later (a request may be on its way already), and everything that is left at the deadline.
   */
  drain(deadlineMs: number): Promise<void>
}

/** Of the rules it knows `healthPath` alone: what protects a listener is the other engine's. */
export class HttpListener implements Listener {
  readonly address: string
  private healthPath: string | undefined
  private readonly parts: HttpListenerParts
  private readonly server: HttpServer
  private draining = false

  constructor(parts: HttpListenerParts) {
    this.parts = parts
    this.address = parts.address
    this.healthPath = parts.rules.healthPath
    this.server = createServer({ keepAliveTimeout: 75_000, headersTimeout: 30_000, requestTimeout: 300_000, requireHostHeader: false, maxHeaderSize: 64 * 1024 }, this.onRequest)
    this.server.maxHeadersCount = 0
    this.server.on('clientError', this.onClientError)
    this.server.on('connect', refuseConnect)
    this.server.on('connection', (socket: Socket) => {
      parts.onConnections(1)
      socket.once('close', () => parts.onConnections(-1))
    })
  }

  configure({ healthPath }: DoorRules): void {
    this.healthPath = healthPath
  }

  listen(): Promise<number> {
    return listenAt(this.server, this.parts)
  }

  async drain(deadlineMs: number): Promise<void> {
    this.draining = true
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.server, () => resolve()))
    const idle = setInterval(() => this.server.closeIdleConnections(), idleGraceMs)
    const end = setTimeout(() => this.server.closeAllConnections(), deadlineMs)
    await closed
    clearInterval(idle)
    clearTimeout(end)
  }

  private readonly onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (this.draining) response.shouldKeepAlive = false
    const { healthPath } = this
    if (healthPath !== undefined && request.url !== undefined && pathOf(request.url) === healthPath) return this.answerHealth(response)
    this.parts.onExchange(new NodeClientSide(request, response))
  }

  private answerHealth(response: ServerResponse): void {
    const serving = this.parts.isServing()
    response.writeHead(serving ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(serving ? '{"status":"serving"}\n' : '{"status":"not serving"}\n')
  }

  /** What the parser refused never became an exchange; it is answered here and the connection ends. */
  private readonly onClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const code = codeOfParserError(error.code)
    const { contentType, body } = errorBody({ code, message: messages[code] ?? 'The request could not be read', requestId: this.parts.requestId() }, undefined)
    const status = statusLines[code] ?? '400 Bad Request'
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nVia: 1.1 sluice\r\nConnection: close\r\n\r\n${body}`,
      () => socket.destroy(),
    )
  }
}

const statusLines: Partial<Record<ErrorCode, string>> = {
  'client.header_too_large': '431 Request Header Fields Too Large',
  'client.header_timeout': '408 Request Timeout',
}

const messages: Partial<Record<ErrorCode, string>> = {
  'client.header_too_large': 'The request header is too large',
  'client.header_timeout': 'The request did not arrive in time',
  'client.framing_ambiguous': 'The length of the request is ambiguous',
}

function codeOfParserError(code: string | undefined): ErrorCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'client.header_too_large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'client.header_timeout'
  if (code === 'HPE_UNEXPECTED_CONTENT_LENGTH' || code === 'HPE_INVALID_CONTENT_LENGTH' || code === 'HPE_INVALID_TRANSFER_ENCODING') {
    return 'client.framing_ambiguous'
  }
  return 'client.bad_request'
}

function refuseConnect(_request: IncomingMessage, socket: NodeJS.WritableStream): void {
  socket.end('HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
}

function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}
