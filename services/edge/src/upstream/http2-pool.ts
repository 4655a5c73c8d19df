/** `EndpointPool` on HTTP/2: few connections with many requests on each; a request waits while none has room. */
import type { LookupFunction } from 'node:net'
import type { ErrorCode } from '@sluice/errors'
import { destinationOf, type Destination } from './destination.ts'
import { EngineAttempt } from './engine-attempt.ts'
import { http2PoolLimits, type Http2PoolLimits } from './http2-pool-limits.ts'
import { UpstreamSession, type SessionOwner } from './http2-session.ts'
import type { Attempt, AttemptHandler, AttemptRequest, EndpointPool } from './upstream-client.ts'
import type { UpstreamTls } from './upstream-tls.ts'

export interface Http2PoolOptions {
  /** `http://host:port`, `https://host:port` or `unix:PATH` */
  readonly origin: string
  /** Who resolves names [the system]. */
  readonly lookup?: LookupFunction | undefined
  readonly connectMs: number
  /** For `https`. */
  readonly tls?: UpstreamTls | undefined
  readonly limits?: Partial<Http2PoolLimits>
}

const sweepMs = 100

export class Http2Pool implements EndpointPool, SessionOwner {
  readonly destination: Destination
  readonly connectMs: number
  readonly tls: UpstreamTls | undefined
  readonly limits: Http2PoolLimits
  tlsSession: Buffer | undefined
  private readonly sessions = new Set<UpstreamSession>()
  private readonly waiting = new Set<EngineAttempt>()
  private sweeper: NodeJS.Timeout | undefined
  private closing: (() => void) | undefined
  private isDestroyed = false

  constructor({ origin, lookup, connectMs, tls, limits }: Http2PoolOptions) {
    this.destination = destinationOf(origin, lookup)
    this.connectMs = connectMs
    this.tls = tls
    this.limits = { ...http2PoolLimits, ...limits }
  }

  /** Connections, the requests on them, and those that wait. */
  get counts(): { readonly sessions: number; readonly streams: number; readonly waiting: number } {
    let streams = 0
    for (const { open } of this.sessions) streams += open
    return { sessions: this.sessions.size, streams, waiting: this.waiting.size }
  }

  send(request: AttemptRequest, handler: AttemptHandler): Attempt {
    const attempt = new EngineAttempt(request, handler, this.onAbandoned)
    this.sweeper ??= setInterval(() => this.sweep(), sweepMs).unref()
    this.resend(attempt)
    return attempt
  }

  resend(attempt: EngineAttempt): void {
    if (this.isDestroyed) return queueMicrotask(() => attempt.fail('upstream.reset', false, undefined))
    for (const session of this.sessions) if (session.hasRoom) return session.begin(attempt)
    if (this.waiting.size >= this.limits.maxWaiting) return queueMicrotask(() => attempt.fail('upstream.overloaded', false, undefined))
    attempt.waitingSince = performance.now()
    this.waiting.add(attempt)
    this.openForWaiting()
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => (this.closing = resolve))
    for (const session of [...this.sessions]) if (!session.isConnecting || this.waiting.size === 0) session.close()
    this.checkClosed()
    return closed
  }

  destroy(): void {
    this.isDestroyed = true
    for (const session of [...this.sessions]) session.destroy()
    this.failWaiting('upstream.reset', undefined)
    this.stopSweeping()
    this.closing?.()
  }

  onRoom(session: UpstreamSession): void {
    for (const attempt of this.waiting) {
      if (!session.hasRoom) break
      this.waiting.delete(attempt)
      session.begin(attempt)
    }
    if (this.waiting.size > 0) this.openForWaiting()
    else if (this.closing !== undefined) session.close()
  }

  /** With no other connection to wait for, whoever waits has failed with it. */
  onFailed(session: UpstreamSession, code: ErrorCode, cause: unknown): void {
    this.sessions.delete(session)
    if (![...this.sessions].some(({ isUsable }) => isUsable)) this.failWaiting(code, cause)
    this.checkClosed()
  }

  forget(session: UpstreamSession): void {
    this.sessions.delete(session)
    this.openForWaiting()
    this.checkClosed()
  }

  /** One more connection while those that are being opened will not do for all that wait. */
  private openForWaiting(): void {
    let connecting = 0
    for (const session of this.sessions) if (session.isConnecting) connecting++
    if (!this.isDestroyed && this.waiting.size > connecting * this.limits.maxStreams && this.sessions.size < this.limits.maxSessions) this.sessions.add(new UpstreamSession(this))
  }

  private failWaiting(code: ErrorCode, cause: unknown): void {
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const attempt of waiting) attempt.fail(code, false, cause)
  }

  private checkClosed(): void {
    if (this.closing !== undefined && this.sessions.size === 0 && this.waiting.size === 0) this.destroy()
  }

  private readonly onAbandoned = (attempt: EngineAttempt): void => void this.waiting.delete(attempt)

  private sweep(): void {
    const now = performance.now()
    for (const session of this.sessions) session.checkDeadline(now)
    for (const attempt of this.waiting) {
      if (now - attempt.waitingSince < this.connectMs) break
      this.waiting.delete(attempt)
      attempt.fail('upstream.overloaded', false, undefined)
    }
    if (this.sessions.size === 0 && this.waiting.size === 0) this.stopSweeping()
  }

  private stopSweeping(): void {
    clearInterval(this.sweeper)
    this.sweeper = undefined
  }
}
