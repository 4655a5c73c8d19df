/**
 * One connection to an endpoint that speaks HTTP/2 (RFC 9113): opened by ALPN, or by prior knowledge without TLS. It
 * takes requests once the endpoint's SETTINGS are there, which say how many at once. An endpoint that says GOAWAY gets no
 * more of them, and what it did not look at goes out again elsewhere.
 */
import { constants, connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ErrorCode } from '@sluice/errors'
import type { Destination } from './destination.ts'
import { isRepeatable, type EngineAttempt } from './engine-attempt.ts'
import type { Http2PoolLimits } from './http2-pool-limits.ts'
import { UpstreamStream, type StreamOwner } from './http2-stream.ts'
import { connectCode } from './upstream-socket.ts'
import { connectSecurely, isTlsError, type UpstreamTls } from './upstream-tls.ts'

/** The pool, as its sessions see it. */
export interface SessionOwner {
  readonly destination: Destination
  readonly connectMs: number
  readonly tls: UpstreamTls | undefined
  readonly limits: Http2PoolLimits
  /** What the next handshake may begin with. */
  tlsSession: Buffer | undefined
  /** It has become ready, or has room again. */
  onRoom(session: UpstreamSession): void
  /** It did not come about. */
  onFailed(session: UpstreamSession, code: ErrorCode, cause: unknown): void
  /** It is gone. */
  forget(session: UpstreamSession): void
  /** The endpoint has not looked at it; it may go out once more. */
  resend(attempt: EngineAttempt): void
}

const { NGHTTP2_CANCEL } = constants
/** Of a request that nobody looked at: an endpoint that is being replaced says GOAWAY on one connection after the other. */
const maxResends = 3

type Phase = 'connecting' | 'ready' | 'closing' | 'gone'

export class UpstreamSession implements StreamOwner {
  readonly scheme: 'http' | 'https'
  /** Since when it has carried nothing, on the monotonic clock. */
  idleSince = Infinity
  private readonly owner: SessionOwner
  private readonly socket: Socket
  private session: ClientHttp2Session | undefined
  private readonly streams = new Set<UpstreamStream>()
  private phase: Phase = 'connecting'
  private isShakingHands = false
  private maxStreams = 0
  private served = 0
  private heardAt = 0
  /** Until when a PING has to be answered; Infinity: none is out. */
  private pingDeadlineAt = Infinity
  private lastTaken = Infinity
  private readonly connectDeadlineAt: number

  constructor(owner: SessionOwner) {
    this.owner = owner
    this.scheme = owner.tls === undefined ? 'http' : 'https'
    this.connectDeadlineAt = performance.now() + owner.connectMs
    this.socket = owner.tls === undefined ? this.openPlain() : this.openSecure(owner.tls)
    this.socket.on('error', (error) => this.onGone(error))
    this.socket.on('close', () => this.onGone(undefined))
  }

  get isConnecting(): boolean {
    return this.phase === 'connecting'
  }

  /** Whether requests may come to run on it. */
  get isUsable(): boolean {
    return this.phase === 'connecting' || this.phase === 'ready'
  }

  get open(): number {
    return this.streams.size
  }

  get hasRoom(): boolean {
    return this.phase === 'ready' && this.streams.size < this.maxStreams && this.session?.closed === false && !this.session.destroyed
  }

  /** Only while it has room. */
  begin(attempt: EngineAttempt): void {
    const session = this.session!
    if (attempt.request.upgrade !== undefined && !session.remoteSettings.enableConnectProtocol) return this.failLater(attempt, 'client.upgrade_unsupported', undefined)
    try {
      this.streams.add(new UpstreamStream(this, session, attempt))
      this.served++
      this.idleSince = Infinity
      this.askIfQuiet()
    } catch (error) {
      // A field that HTTP/2 cannot carry.
      this.failLater(attempt, 'client.bad_request', error)
    }
  }

  checkDeadline(now: number): void {
    for (const stream of this.streams) stream.checkDeadline(now)
    if (this.phase === 'connecting' && now >= this.connectDeadlineAt) this.fail('upstream.connect_timeout', undefined)
    // Nobody is there any more: whoever waits has waited long enough.
    else if (now >= this.pingDeadlineAt) this.destroy()
    else if (now - this.idleSince >= this.owner.limits.idleMs) this.close()
  }

  noteHeard(): void {
    this.heardAt = performance.now()
  }

  /** A silent endpoint is asked for a sign of life; without one in time the connection is given up. */
  doubt(): void {
    const { session } = this
    if (this.pingDeadlineAt !== Infinity || session === undefined || session.destroyed || session.closed) return
    this.pingDeadlineAt = performance.now() + this.owner.limits.pingMs
    session.ping((error) => {
      this.pingDeadlineAt = Infinity
      if (error === null) this.noteHeard()
    })
  }

  isBeyondGoaway(streamId: number): boolean {
    return streamId > this.lastTaken
  }

  /** Goes out again when the endpoint has not looked at it, or, once, when it does no more the second time (RFC 9110 §9.2.2). */
  onFailed(attempt: EngineAttempt, code: ErrorCode, isUntouched: boolean, cause: unknown): void {
    const isLost = code === 'upstream.reset' && this.phase !== 'ready'
    const most = isUntouched ? maxResends : isLost && this.served > 1 && isRepeatable(attempt) ? 1 : 0
    if (attempt.resends >= most) return attempt.fail(code, !isUntouched, cause)
    attempt.resends++
    this.owner.resend(attempt)
  }

  release(stream: UpstreamStream): void {
    if (!this.streams.delete(stream)) return
    if (this.streams.size === 0) this.idleSince = performance.now()
    if (this.phase === 'ready') this.owner.onRoom(this)
  }

  /** No more requests; ends with the last of those that run. */
  close(): void {
    if (this.phase === 'gone') return
    if (this.phase === 'connecting') return this.destroy()
    this.phase = 'closing'
    this.session?.close()
  }

  /** Ends it, and tells whoever waits for a response. */
  destroy(): void {
    if (this.phase === 'gone') return
    this.phase = 'gone'
    for (const stream of this.streams) stream.cut()
    this.streams.clear()
    this.session?.destroy(undefined, NGHTTP2_CANCEL)
    this.socket.destroy()
    this.owner.forget(this)
  }

  private openPlain(): Socket {
    const socket = connect({ ...this.owner.destination, noDelay: true, keepAlive: true, keepAliveInitialDelay: this.owner.limits.keepAliveMs })
    return socket.on('connect', () => this.onConnect(socket))
  }

  private openSecure(tls: UpstreamTls): Socket {
    const { owner } = this
    const socket: TLSSocket = connectSecurely({ destination: owner.destination, tls, session: owner.tlsSession, protocol: 'h2' })
    socket.on('connect', () => (this.isShakingHands = true))
    socket.on('session', (session: Buffer) => (owner.tlsSession = session))
    return socket.on('secureConnect', () => {
      this.isShakingHands = false
      socket.setKeepAlive(true, owner.limits.keepAliveMs)
      if (socket.alpnProtocol === 'h2') this.onConnect(socket)
      else this.fail('upstream.tls_failed', new Error('the endpoint does not speak HTTP/2'))
    })
  }

  private onConnect(socket: Socket): void {
    const { limits } = this.owner
    const settings = { enablePush: false, initialWindowSize: limits.windowBytes, maxHeaderListSize: limits.maxHeaderListBytes }
    const session = connectHttp2(`${this.scheme}://endpoint`, { createConnection: () => socket, settings, maxHeaderListPairs: limits.maxHeaderFields, maxSessionMemory: limits.maxSessionMb, strictSingleValueFields: false } as never)
    this.session = session
    session.on('connect', () => session.setLocalWindowSize(limits.connectionWindowBytes))
    session.on('remoteSettings', ({ maxConcurrentStreams = limits.maxStreams }) => this.onSettings(maxConcurrentStreams))
    session.on('goaway', (_code, lastStreamId) => this.onGoaway(lastStreamId))
    session.on('error', (error) => this.onGone(error))
    session.on('close', () => this.onGone(undefined))
  }

  private onSettings(maxConcurrentStreams: number): void {
    this.noteHeard()
    this.maxStreams = Math.min(maxConcurrentStreams, this.owner.limits.maxStreams)
    if (this.phase === 'connecting') {
      this.phase = 'ready'
      this.idleSince = performance.now()
    }
    if (this.phase === 'ready') this.owner.onRoom(this)
  }

  private onGoaway(lastStreamId: number): void {
    this.lastTaken = Math.min(this.lastTaken, lastStreamId)
    if (this.phase !== 'gone') this.phase = 'closing'
  }

  /** A connection that has been silent for a while may be one that the endpoint has forgotten. */
  private askIfQuiet(): void {
    if (performance.now() - this.heardAt >= this.owner.limits.quietMs) this.doubt()
  }

  private onGone(error: Error | undefined): void {
    if (this.phase === 'gone') return
    if (this.phase !== 'connecting') return this.destroy()
    if (this.isShakingHands || isTlsError(error)) return this.fail('upstream.tls_failed', error)
    this.fail(this.session === undefined ? connectCode(error) : 'upstream.bad_response', error)
  }

  private fail(code: ErrorCode, cause: unknown): void {
    this.phase = 'gone'
    this.session?.destroy()
    this.socket.destroy()
    this.owner.onFailed(this, code, cause)
  }

  /** Whoever sends has to hold the attempt before it can fail. */
  private failLater(attempt: EngineAttempt, code: ErrorCode, cause: unknown): void {
    queueMicrotask(() => attempt.fail(code, false, cause))
  }
}
