/**
 * One client connection that speaks HTTP/2 (RFC 9113), on the gateway's own frames: which requests become exchanges, how the socket is read and
 * written, and when it has to end, is decided here; what frames mean in `http2/session.ts`.
 */
import type { Socket } from 'node:net'
import { catalogue, errorBody, type ErrorCode } from '@sluice/errors'
import type { ClientCertificate } from '@sluice/policies/exchange'
import { TextWriter } from '../text-writer.ts'
import { clientCertificateOf } from './client-certificate.ts'
import { endOfLife } from './door-rules.ts'
import type { EngineConnectionParts } from './engine-connection.ts'
import type { EngineLimits } from './engine-limits.ts'
import { Http2ClientSide, type Http2Host } from './http2-client-side.ts'
import type { Http2Limits } from './http2-limits.ts'
import type { Http2Flood } from './http2/flood-watch.ts'
import type { KnownStrings } from './http2/known-strings.ts'
import { Outbox, type SendRound } from './http2/outbox.ts'
import type { Http2Request } from './http2/request-fields.ts'
import { Http2Session } from './http2/session.ts'
import type { SessionOwner } from './http2/session-stream.ts'
import { readDirectly, takeUnread } from './shared-reads.ts'

export interface Http2ConnectionParts extends Omit<EngineConnectionParts, 'onClosed'> {
  readonly http2: Http2Limits
  readonly strings: KnownStrings
  readonly round: SendRound
  readonly onFlood: (kind: Http2Flood) => void
  readonly onClosed: (connection: Http2Connection) => void
}

export class Http2Connection implements Http2Host, SessionOwner {
  readonly session: Http2Session
  readonly peerAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  readonly limits: EngineLimits
  private readonly parts: Http2ConnectionParts
  private readonly socket: Socket
  private readonly outbox: Outbox
  private isReading = true
  /** Nothing more is read; it ends once what was written has left. */
  private isClosing = false
  private lingeredBytes = 0
  /** The sweep that first saw it without a request, on the monotonic clock; 0 before. */
  private idleSince = 0
  /** Since when something has begun that does not go on; 0: nothing. */
  private withinSince = 0
  /** Since when the socket takes nothing of what it has; 0: it does. */
  private behindSince = 0
  /** Since when no more streams are wanted, or offered. */
  private drainingSince = Infinity
  /** The client has read the notice of that. */
  private noticeRead = false
  private endsAt = Infinity
  private certificate: ClientCertificate | undefined
  private hasReadCertificate = false
  private readonly oldAt: number
  /** Until it takes no more; 0 when they are not counted. */
  private requestsLeft: number

  /** `peerAddress`: of the client. */
  constructor(socket: Socket, parts: Http2ConnectionParts, peerAddress: string) {
    this.parts = parts
    this.socket = socket
    this.limits = parts.limits()
    const lifetime = parts.lifetime()
    this.oldAt = endOfLife(lifetime, performance.now())
    this.requestsLeft = lifetime.maxRequests
    this.encrypted = parts.encrypted
    this.peerAddress = peerAddress
    this.localPort = socket.localPort ?? 0
    this.outbox = new Outbox(socket, new TextWriter(socket, parts.encrypted), parts.round)
    this.session = new Http2Session({ limits: parts.http2, strings: parts.strings, send: (frames) => this.send(frames), owner: this })
    socket.on('end', () => socket.destroy())
    socket.on('drain', () => this.onDrain())
    socket.on('error', () => undefined)
    socket.on('close', () => this.onClose())
    if (readDirectly(socket, (bytes, length) => this.onBytes(bytes, length))) process.nextTick(() => this.takeUnread())
    else socket.on('data', (chunk: Buffer) => this.onBytes(chunk, chunk.length)).resume()
    if (parts.isDraining()) this.beginDrain()
  }

  get clientCertificate(): ClientCertificate | undefined {
    if (!this.hasReadCertificate) {
      this.hasReadCertificate = true
      this.certificate = clientCertificateOf(this.socket)
    }
    return this.certificate
  }

  get isBehind(): boolean {
    return this.socket.writableNeedDrain
  }

  send(frames: string): void {
    this.outbox.add(frames)
  }

  sendContent(head: string, content: Uint8Array): void {
    this.outbox.addContent(head, content)
  }

  /**
   * Ends the connection where the client loses nothing (RFC 9113 §6.8): it is told that the end is near, and what left it before it read
   * that is still taken; then it is told which request was the last.
   */
  beginDrain(): void {
    if (this.drainingSince !== Infinity || this.isClosing) return
    this.drainingSince = performance.now()
    this.session.announceEnd()
  }

  checkDeadline(now: number): void {
    this.session.checkDeadlines(now)
    if (now >= this.oldAt) this.beginDrain()
    if (this.session.isIdle && this.idleSince === 0) this.idleSince = now
    if (now >= this.endsAt || this.isStuck(now)) this.socket.destroy()
    else if (this.isClosing) return
    else if (this.drainingSince !== Infinity) this.goOnDraining(now)
    else if (this.session.isIdle && now - this.idleSince >= this.limits.keepAliveMs) this.beginDrain()
  }

  destroy(): void {
    this.socket.destroy()
  }

  // --- what the session tells ---

  onRequest(id: number, request: Http2Request, isWhole: boolean): void {
    if (this.requestsLeft > 0 && --this.requestsLeft === 0) this.beginDrain()
    this.idleSince = 0
    const side = new Http2ClientSide(this, id, request, isWhole, this.parts.http2.windowBytes)
    this.session.open(side)
    const problem = unsupported(request)
    if (problem !== undefined) this.refuse(side, problem)
    else if (this.isHealthProbe(request.target)) this.answerProbe(side)
    else this.parts.onExchange(side)
  }

  onIdle(): void {
    if (this.noticeRead) this.goOnDraining(performance.now())
  }

  /** A client that opens no more streams gets what it has asked for, and those that it had sent before it said so. */
  onGoaway(): void {
    this.beginDrain()
  }

  onNoticeRead(): void {
    if (this.drainingSince === Infinity) return
    this.noticeRead = true
    this.goOnDraining(performance.now())
  }

  onFlood(kind: Http2Flood): void {
    this.parts.onFlood(kind)
  }

  onBroken(): void {
    this.close()
  }

  // --- the socket ---

  private takeUnread(): void {
    takeUnread(this.socket, (chunk) => this.onBytes(chunk, chunk.length))
    if (this.isReading) this.socket.resume()
  }

  private onBytes(bytes: Buffer, length: number): void {
    if (this.isClosing) return this.linger(length)
    this.session.reader.feed(bytes, length)
    // Whoever asks and does not read the answers is not read from either.
    if (this.outbox.unsent > this.parts.http2.maxUnsentBytes && this.isBehind) this.read(false)
  }

  private onDrain(): void {
    this.behindSince = 0
    this.read(true)
    this.session.sending.wake()
  }

  private read(wanted: boolean): void {
    if (wanted === this.isReading) return
    this.isReading = wanted
    if (wanted) this.socket.resume()
    else this.socket.pause()
  }

  private onClose(): void {
    this.isClosing = true
    this.session.close()
    this.parts.onClosed(this)
  }

  private linger(bytes: number): void {
    this.lingeredBytes += bytes
    if (this.lingeredBytes > this.limits.maxLingerBytes) this.socket.destroy()
  }

  /** A client that does not go on with what it has begun, or takes nothing of what was sent. */
  private isStuck(now: number): boolean {
    const { reader } = this.session
    if (reader.hasPreface && !reader.isWithin) this.withinSince = 0
    else if (this.withinSince === 0) this.withinSince = now
    if (!this.isBehind) this.behindSince = 0
    else if (this.behindSince === 0) this.behindSince = now
    const { headMs, sendMs } = this.limits
    return (this.withinSince !== 0 && now - this.withinSince >= headMs) || (this.behindSince !== 0 && now - this.behindSince >= sendMs)
  }

  private goOnDraining(now: number): void {
    if (!this.noticeRead && now - this.drainingSince < this.limits.drainGraceMs) return
    this.noticeRead = true
    this.session.refuseMore()
    if (this.session.isIdle) this.close()
  }

  /** What was written still leaves, and the client has a moment to read it before a reset could take it away. */
  private close(): void {
    if (this.isClosing) return
    this.isClosing = true
    this.outbox.flush()
    this.session.close()
    this.endsAt = performance.now() + this.limits.lingerMs
    this.read(true)
    this.socket.end()
  }

  // --- requests that never become exchanges ---

  private isHealthProbe(target: string): boolean {
    const path = this.parts.healthPath()
    return path !== undefined && (target === path || target.startsWith(`${path}?`))
  }

  private answerProbe(side: Http2ClientSide): void {
    const isServing = this.parts.isServing()
    answerAlone(side, isServing ? 200 : 503, ['content-type', 'application/json', 'cache-control', 'no-store'], isServing ? '{"status":"serving"}\n' : '{"status":"not serving"}\n')
  }

  private refuse(side: Http2ClientSide, code: ErrorCode): void {
    const { status, message } = catalogue[code]
    const requestId = this.parts.requestId()
    const { contentType, body } = errorBody({ code, message, requestId }, undefined)
    answerAlone(side, status, ['content-type', contentType, 'x-request-id', requestId, 'via', '1.1 sluice'], body)
  }
}

function answerAlone(side: Http2ClientSide, status: number, fields: string[], body: string): void {
  side.sendHead(status, [...fields, 'content-length', String(Buffer.byteLength(body))], false)
  side.end(body)
}

/** What is well-formed and cannot be done: a tunnel, an expectation that nobody can meet, more fields than anybody needs. */
function unsupported({ method, protocol, expectsUnknown, isTooLarge }: Http2Request): ErrorCode | undefined {
  if (isTooLarge) return 'client.header_too_large'
  if (method === 'CONNECT' || (protocol !== '' && protocol !== 'websocket')) return 'client.upgrade_unsupported'
  return expectsUnknown ? 'client.expectation_unknown' : undefined
}
