/** `EndpointPool` on plain sockets: kept-alive connections, last used first, bounded in number. */
import type { LookupFunction } from 'node:net'
import { destinationOf, type Destination } from './destination.ts'
import { EngineAttempt } from './engine-attempt.ts'
import { UpstreamConnection, type ConnectionOwner } from './engine-upstream.ts'
import { ResponseHeads } from './response-heads.ts'
import type { Attempt, AttemptHandler, AttemptRequest, EndpointPool } from './upstream-client.ts'
import type { UpstreamTls } from './upstream-tls.ts'

export interface EnginePoolOptions {
  /** `http://host:port`, `https://host:port` or `unix:PATH` */
  readonly origin: string
  /** Who resolves names [the system]. */
  readonly lookup?: LookupFunction | undefined
  readonly connectMs: number
  /** For `https`. */
  readonly tls?: UpstreamTls | undefined
  readonly limits?: EnginePoolLimits
  /** For requests that may end as something else than HTTP, and no others [false]. */
  readonly forUpgrades?: boolean
}

export interface EnginePoolLimits {
  /** Connections in use at once; further requests wait for one, `connectMs` at most. */
  readonly maxConnections: number
  /** Requests that wait; those beyond are refused at once. */
  readonly maxWaiting: number
  /** Kept-alive connections that nobody uses. */
  readonly maxIdle: number
  /** For so long; upstreams close theirs after five seconds or more. */
  readonly idleMs: number
}

/** Of one worker to one endpoint; well below what a system has of ports for one address. */
export const enginePoolLimits: EnginePoolLimits = { maxConnections: 4096, maxWaiting: 16_384, maxIdle: 1024, idleMs: 4000 }

/** Of connections that may be open for hours, most of them silent. */
export const upgradePoolLimits: EnginePoolLimits = { maxConnections: 16_384, maxWaiting: 1024, maxIdle: 16, idleMs: 4000 }

const sweepMs = 100

export class EnginePool implements EndpointPool, ConnectionOwner {
  readonly destination: Destination
  readonly connectMs: number
  readonly tls: UpstreamTls | undefined
  readonly forUpgrades: boolean
  readonly heads = new ResponseHeads()
  tlsSession: Buffer | undefined
  private readonly limits: EnginePoolLimits
  private readonly idle: UpstreamConnection[] = []
  /** Idle ones too. */
  private readonly open = new Set<UpstreamConnection>()
  private readonly waiting = new Set<EngineAttempt>()
  private sweeper: NodeJS.Timeout | undefined
  private closing: (() => void) | undefined

  constructor({ origin, lookup, connectMs, tls, forUpgrades = false, limits = forUpgrades ? upgradePoolLimits : enginePoolLimits }: EnginePoolOptions) {
    this.destination = destinationOf(origin, lookup)
    this.connectMs = connectMs
    this.tls = tls
    this.forUpgrades = forUpgrades
    this.limits = limits
  }

  /** Connections now, and requests that wait for one. */
  get counts(): { readonly busy: number; readonly idle: number; readonly waiting: number } {
    return { busy: this.busy, idle: this.idle.length, waiting: this.waiting.size }
  }

  private get busy(): number {
    return this.open.size - this.idle.length
  }

  send(request: AttemptRequest, handler: AttemptHandler): Attempt {
    const attempt = new EngineAttempt(request, handler, this.onAbandoned)
    this.sweeper ??= setInterval(() => this.sweep(), sweepMs).unref()
    const connection = this.idle.pop()
    if (connection === undefined) this.resend(attempt)
    else connection.begin(attempt)
    return attempt
  }

  close(): Promise<void> {
    for (const connection of this.idle.splice(0)) connection.drop()
    if (this.busy === 0 && this.waiting.size === 0) {
      this.destroy()
      return Promise.resolve()
    }
    return new Promise((resolve) => (this.closing = resolve))
  }

  destroy(): void {
    clearInterval(this.sweeper)
    this.sweeper = undefined
    for (const connection of this.idle.splice(0)) connection.drop()
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const connection of [...this.open]) connection.cut()
    for (const attempt of waiting) attempt.fail('upstream.reset', false, undefined)
    this.closing?.()
  }

  resend(attempt: EngineAttempt): void {
    if (this.busy < this.limits.maxConnections) {
      const connection = new UpstreamConnection(this)
      this.open.add(connection)
      connection.begin(attempt)
    } else if (this.waiting.size < this.limits.maxWaiting) {
      attempt.waitingSince = performance.now()
      this.waiting.add(attempt)
    } else queueMicrotask(() => attempt.fail('upstream.overloaded', false, undefined))
  }

  release(connection: UpstreamConnection): void {
    const next = this.nextWaiting()
    if (next !== undefined) {
      connection.begin(next)
      return
    }
    if (this.closing === undefined && this.idle.length < this.limits.maxIdle) this.idle.push(connection)
    else connection.drop()
  }

  forget(connection: UpstreamConnection): void {
    this.open.delete(connection)
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
    const next = this.nextWaiting()
    if (next !== undefined) this.resend(next)
    else if (this.closing !== undefined && this.busy === 0) this.destroy()
  }

  private nextWaiting(): EngineAttempt | undefined {
    const [next] = this.waiting
    if (next !== undefined) this.waiting.delete(next)
    return next
  }

  private readonly onAbandoned = (attempt: EngineAttempt): void => void this.waiting.delete(attempt)

  private sweep(): void {
    const now = performance.now()
    for (const connection of this.open) connection.checkDeadline(now)
    for (const attempt of this.waiting) {
      if (now - attempt.waitingSince < this.connectMs) break
      this.waiting.delete(attempt)
      attempt.fail('upstream.overloaded', false, undefined)
    }
    this.dropIdle(now)
    if (this.open.size === 0) {
      clearInterval(this.sweeper)
      this.sweeper = undefined
    }
  }

  /** The oldest stand first, and those that no sweep has seen yet last. */
  private dropIdle(now: number): void {
    const { idle } = this
    for (let at = idle.length - 1; at >= 0 && idle[at]!.freeSince === 0; at--) idle[at]!.freeSince = now
    while (idle.length > 0 && now - idle[0]!.freeSince > this.limits.idleMs) idle.shift()!.drop()
  }
}
