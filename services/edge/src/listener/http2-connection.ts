/**
 * One client connection that speaks HTTP/2 (RFC 9113), on `node:http2`: frames, HPACK and flow control are nghttp2's;
 * which streams become exchanges, when it has to end, and what is too much, is decided here.
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { catalogue, errorBody, type ErrorCode } from '@sluice/errors'
import type { ClientCertificate } from '@sluice/policies/exchange'
import { clientCertificateOf } from './client-certificate.ts'
import { endOfLife } from './door-rules.ts'
import type { EngineConnectionParts } from './engine-connection.ts'
import type { EngineLimits } from './engine-limits.ts'
import { FloodFence } from './flood-fence.ts'
import { Http2ClientSide, type Http2Host } from './http2-client-side.ts'
import { floodIn, type Http2Flood } from './http2-floods.ts'
import type { Http2Limits } from './http2-limits.ts'
import { readHttp2Request, type Http2Request } from './http2-request.ts'

export interface Http2ConnectionParts extends Omit<EngineConnectionParts, 'onClosed'> {
  readonly http2: Http2Limits
  readonly encrypted: boolean
  readonly onFlood: (kind: Http2Flood) => void
  readonly onClosed: (connection: Http2Connection) => void
}

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR, NGHTTP2_FLAG_END_STREAM } = constants
export class Http2Connection implements Http2Host {
  readonly peerAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  readonly limits: EngineLimits
  private readonly parts: Http2ConnectionParts
  private readonly socket: Socket
  private readonly session: ServerHttp2Session
  private readonly closeSession: () => void
  private readonly streams = new Set<Http2ClientSide>()
  private readonly resets: FloodFence
  private readonly controlFrames: FloodFence
  private lastAnswered: 'pings' | 'settings' = 'pings'
  private idleSince = performance.now()
  /** Since when no more streams are wanted, or offered. */
  private drainingSince = Infinity
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
    this.oldAt = endOfLife(lifetime, this.idleSince)
    this.requestsLeft = lifetime.maxRequests
    this.encrypted = parts.encrypted
    this.peerAddress = peerAddress
    this.localPort = socket.localPort ?? 0
    this.resets = new FloodFence(parts.http2.maxResetsPerSecond)
    this.controlFrames = new FloodFence(parts.http2.maxControlFramesPerSecond)
    this.session = performServerHandshake(socket, sessionOptions(parts.http2))
    this.closeSession = this.session.close.bind(this.session)
    // A GOAWAY from a client says that it opens no more streams; `node:http2` answers it by calling this, and would
    // refuse the requests that left the client together with it.
    this.session.close = () => this.beginDrain()
    // What nghttp2 finds to be a flood it ends by itself, as an error of its own: the client is told the truth.
    const destroy = this.session.destroy.bind(this.session)
    this.session.destroy = (error, code) => destroy(error, floodIn(error, 'pings') === undefined ? code : NGHTTP2_ENHANCE_YOUR_CALM)
    this.session.on('stream', this.onStream)
    this.session.on('ping', () => this.countControlFrame('pings'))
    this.session.on('remoteSettings', () => this.countControlFrame('settings'))
    this.session.on('error', (error) => this.noteFlood(error))
    this.session.on('close', () => parts.onClosed(this))
    if (parts.isDraining()) this.beginDrain()
  }

  get clientCertificate(): ClientCertificate | undefined {
    if (!this.hasReadCertificate) {
      this.hasReadCertificate = true
      this.certificate = clientCertificateOf(this.socket)
    }
    return this.certificate
  }

  /**
   * Ends the connection where the client loses nothing: idle for a moment, or with the response to its only request. nghttp2
   * takes no new streams once it has sent a GOAWAY, so the notice of RFC 9113 §6.8 that leaves time for those on their way
   * cannot be had; a client whose streams always overlap gets one after `drainBusyMs`, and knows which of them to repeat.
   */
  beginDrain(): void {
    this.drainingSince = Math.min(this.drainingSince, performance.now())
  }

  checkDeadline(now: number): void {
    for (const side of this.streams) side.checkDeadline(now)
    if (now >= this.oldAt) this.beginDrain()
    if (now >= this.endsAt) this.destroy()
    else if (this.isDue(now)) this.close(now)
  }

  destroy(): void {
    this.session.destroy()
    this.socket.destroy()
  }

  onResponseEnding(): void {
    if (this.isDraining && this.streams.size === 1 && !this.session.destroyed) this.session.goaway(NGHTTP2_NO_ERROR)
  }

  onStreamOver(side: Http2ClientSide, takenBack: boolean): void {
    if (!this.streams.delete(side)) return
    if (this.streams.size === 0) this.idleSince = performance.now()
    if (takenBack) this.countReset()
    else if (this.isDraining && this.streams.size === 0) this.close(this.idleSince)
  }

  private get isDraining(): boolean {
    return this.drainingSince !== Infinity
  }

  private isDue(now: number): boolean {
    if (this.isDraining && now - this.drainingSince >= this.parts.http2.drainBusyMs) return true
    if (this.streams.size > 0) return false
    const quietSince = this.isDraining ? Math.max(this.drainingSince, this.idleSince) : this.idleSince
    return now - quietSince >= (this.isDraining ? this.limits.drainGraceMs : this.limits.keepAliveMs)
  }

  /** What is open is answered first; then the connection ends, when the client reads on, or after a moment. */
  private close(now: number): void {
    this.closeSession()
    if (this.streams.size === 0) this.endsAt = Math.min(this.endsAt, now + this.limits.lingerMs)
  }

  private readonly onStream = (stream: ServerHttp2Stream, _headers: unknown, flags: number, raw: string[]): void => {
    if (stream.destroyed || stream.closed) {
      stream.on('error', () => undefined)
      return this.countReset()
    }
    if (this.requestsLeft > 0 && --this.requestsLeft === 0) this.beginDrain()
    const request = readHttp2Request(raw)
    if (this.isHealthProbe(request.target)) return this.answerProbe(stream)
    const problem = unsupported(request)
    if (problem !== undefined) return this.refuse(stream, problem)
    const side = new Http2ClientSide(this, stream, request, (flags & NGHTTP2_FLAG_END_STREAM) === 0)
    this.streams.add(side)
    this.parts.onExchange(side)
  }

  private isHealthProbe(target: string): boolean {
    const path = this.parts.healthPath()
    return path !== undefined && (target === path || target.startsWith(`${path}?`))
  }

  private answerProbe(stream: ServerHttp2Stream): void {
    const isServing = this.parts.isServing()
    answerAlone(stream, isServing ? 200 : 503, ['content-type', 'application/json', 'cache-control', 'no-store'], isServing ? '{"status":"serving"}\n' : '{"status":"not serving"}\n')
  }

  private refuse(stream: ServerHttp2Stream, code: ErrorCode): void {
    const { status, message } = catalogue[code]
    const requestId = this.parts.requestId()
    const { contentType, body } = errorBody({ code, message, requestId }, undefined)
    answerAlone(stream, status, ['content-type', contentType, 'x-request-id', requestId, 'via', '1.1 sluice'], body)
  }

  private countReset(): void {
    if (this.resets.isTooMuch(performance.now())) this.cutOff('resets')
  }

  private countControlFrame(kind: 'pings' | 'settings'): void {
    this.lastAnswered = kind
    if (this.controlFrames.isTooMuch(performance.now())) this.cutOff(kind)
  }

  private noteFlood(error: unknown): void {
    const flood = floodIn(error, this.lastAnswered)
    if (flood !== undefined) this.parts.onFlood(flood)
  }

  private cutOff(kind: Http2Flood): void {
    if (this.session.destroyed) return
    this.parts.onFlood(kind)
    this.session.destroy(new Error(`too many ${kind}`), NGHTTP2_ENHANCE_YOUR_CALM)
  }
}

function answerAlone(stream: ServerHttp2Stream, status: number, fields: readonly string[], body: string): void {
  stream.on('error', () => undefined)
  stream.respond([':status', String(status), ...fields, 'content-length', String(Buffer.byteLength(body))])
  if (stream.writable) stream.end(body)
}

/** What is well-formed and cannot be done: a tunnel, an expectation that nobody can meet. */
function unsupported({ method, protocol, expectsUnknown }: Http2Request): ErrorCode | undefined {
  if (method === 'CONNECT' || (protocol !== '' && protocol !== 'websocket')) return 'client.upgrade_unsupported'
  return expectsUnknown ? 'client.expectation_unknown' : undefined
}

function sessionOptions(limits: Http2Limits) {
  return {
    maxHeaderListPairs: limits.maxHeaderFields,
    maxSessionInvalidFrames: limits.maxInvalidFrames,
    // A response may hold a field twice that is meant to stand once: that is its author's matter.
    strictSingleValueFields: false,
    settings: { enableConnectProtocol: true, maxConcurrentStreams: limits.maxConcurrentStreams, maxHeaderListSize: limits.maxHeaderListBytes, initialWindowSize: limits.windowBytes },
  }
}
