/**
 * Copies of requests for shadow upstreams. A copy goes out beside the exchange, its answer is thrown away, and nothing of the exchange
 * waits for it: what there is no room for is dropped and counted. Room is for so many copies under way in this worker, and
 * for so many bytes of a body.
 */
import { Readable } from 'node:stream'
import type { EndpointState } from '@sluice/balancers/balancer'
import { HeaderFields } from '@sluice/http'
import type { Upstream } from '@sluice/proto/config'
import type { Clock, MetricsRegistry } from '@sluice/service-kit'
import type { KeyedExchange } from '../balancer/pick-key.ts'
import type { DeadlineQueue, Deadlines, Expiring } from './deadlines.ts'
import type { PoolSet } from './pool-set.ts'
import { hostForAttempt } from './request-fields.ts'
import type { Attempt, AttemptHandler } from './upstream-client.ts'

/** Where copies of a route's requests go. */
export interface Mirror {
  readonly route: string
  readonly upstream: ShadowUpstream
  readonly percent: number
  readonly maxBodyBytes: number
}

/** What of an upstream's state a copy uses. */
export interface ShadowUpstream {
  readonly name: string
  readonly settings: Upstream
  admit(nowMs: number): number
  pick(nowMs: number, tried: undefined, exchange: KeyedExchange): EndpointState | undefined
  noteAnswer(endpoint: EndpointState, status: number, headers: HeaderFields, ms: number, turn: number, nowMs: number): void
  noteFailure(endpoint: EndpointState, unreachable: boolean, ms: number, turn: number, nowMs: number): void
  release(turn: number): void
}

/** The exchange that is copied, its fields as they go upstream. */
export interface MirroredExchange extends KeyedExchange {
  readonly request: KeyedExchange['request'] & { readonly method: string; readonly path: string; readonly query: string; readonly declaredBytes: number | undefined; readonly headers: HeaderFields }
}

/** A copy that waits for the body of its exchange. */
export interface MirroredBody {
  take(piece: Uint8Array): void
  /** The exchange is over: without an end of the body before it, it will not come whole. */
  abandon(): void
}

export interface MirrorsParts {
  readonly pools: PoolSet
  readonly deadlines: Deadlines
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  readonly random?: () => number
}

/** Copies under way in one worker, those whose body is still being gathered included. */
const maxUnderWay = 128

type Outcome = 'sent' | 'failed' | 'dropped_full' | 'dropped_body' | 'dropped_unhealthy'

export class Mirrors {
  readonly parts: MirrorsParts
  underWay = 0
  private readonly random: () => number
  private readonly outcomes

  constructor(parts: MirrorsParts) {
    this.parts = parts
    this.random = parts.random ?? Math.random
    this.outcomes = parts.metrics.counter('sluice_mirrored_requests_total', 'Requests chosen for a shadow upstream, by what became of the copy.', ['route', 'upstream', 'outcome'])
  }

  /**
   * Copies a request whose fields are as they go upstream, when it is chosen and there is room. With a `body` the copy wants to be
   * told of its pieces as they pass, and goes out when it has ended; undefined: there is none. Never throws, never waits.
   */
  copy(mirror: Mirror, exchange: MirroredExchange, body: Readable | null): MirroredBody | undefined {
    if (mirror.percent < 100 && this.random() * 100 >= mirror.percent) return undefined
    const { declaredBytes = 0 } = exchange.request
    if (this.underWay >= maxUnderWay) this.count(mirror, 'dropped_full')
    else if (declaredBytes > mirror.maxBodyBytes) this.count(mirror, 'dropped_body')
    else {
      this.underWay++
      const copy = new Copy(this, mirror, exchange)
      if (body === null) copy.send([])
      else return copy.follow(body)
    }
    return undefined
  }

  count({ route, upstream }: Mirror, outcome: Outcome): void {
    this.outcomes.with(route, upstream.name, outcome).add(1)
  }
}

class Copy implements AttemptHandler, Expiring, MirroredBody {
  deadlineAt = 0
  queue: DeadlineQueue | undefined = undefined
  earlier: Expiring | undefined = undefined
  later: Expiring | undefined = undefined
  private readonly mirrors: Mirrors
  private readonly mirror: Mirror
  private readonly exchange: MirroredExchange
  private readonly fields: HeaderFields
  private readonly method: string
  private readonly target: string
  private attempt: Attempt | undefined
  private endpoint: EndpointState | undefined
  private turn = 0
  private since = 0
  private isOver = false
  private pieces: Uint8Array[] = []
  private bytes = 0

  constructor(mirrors: Mirrors, mirror: Mirror, exchange: MirroredExchange) {
    const { request } = exchange
    this.mirrors = mirrors
    this.mirror = mirror
    this.exchange = exchange
    // The exchange goes on with its own, and an attempt changes them.
    this.fields = new HeaderFields([...request.headers.flat])
    this.method = request.method
    this.target = request.query === '' ? request.path : `${request.path}?${request.query}`
  }

  follow(body: Readable): this {
    body.once('end', () => {
      if (!this.isOver) this.send(this.pieces)
    })
    return this
  }

  abandon(): void {
    if (this.attempt === undefined) this.end('dropped_body')
  }

  take(piece: Uint8Array): void {
    if (this.isOver) return
    this.bytes += piece.length
    if (this.bytes <= this.mirror.maxBodyBytes) this.pieces.push(piece)
    else this.end('dropped_body')
  }

  send(pieces: readonly Uint8Array[]): void {
    const { upstream } = this.mirror
    const { pools, deadlines, clock } = this.mirrors.parts
    const { settings } = upstream
    this.since = clock.monotonic()
    this.turn = upstream.admit(this.since)
    this.endpoint = this.turn === 0 ? undefined : upstream.pick(this.since, undefined, this.exchange)
    if (this.endpoint === undefined) return this.end('dropped_unhealthy')
    this.endpoint.open++
    const host = hostForAttempt(settings.hostHeader, this.endpoint.hostHeader)
    if (host !== undefined) this.fields.set('Host', host)
    const { timeouts, tls, protocol } = settings
    deadlines.set(this, timeouts.requestMs, this.since)
    const { origin, basePath } = this.endpoint
    const pool = protocol === 'http2' ? pools.http2PoolFor(origin, timeouts.connectMs, tls) : pools.poolFor(origin, timeouts.connectMs, tls)
    const body = pieces.length === 0 ? null : Readable.from(pieces, { objectMode: false })
    const request = { method: this.method, path: basePath + this.target, fields: this.fields.flat, body, upgrade: undefined, acceptsTrailers: false, firstByteMs: timeouts.firstByteMs, idleMs: timeouts.idleMs }
    this.attempt = pool.send(request, this)
  }

  end(outcome: Outcome): void {
    if (this.isOver) return
    this.isOver = true
    this.pieces = []
    this.mirrors.underWay--
    this.mirrors.count(this.mirror, outcome)
    this.mirrors.parts.deadlines.clear(this)
    if (this.turn !== 0) this.mirror.upstream.release(this.turn)
    if (this.endpoint !== undefined) this.endpoint.open--
  }

  onHead(status: number, fields: string[]): void {
    const now = this.mirrors.parts.clock.monotonic()
    this.mirror.upstream.noteAnswer(this.endpoint!, status, new HeaderFields(fields), now - this.since, this.turn, now)
  }

  onUpgrade(): void {
    // None is asked for.
    this.end('failed')
  }

  onData(): boolean {
    return true
  }

  onEnd(): void {
    this.end('sent')
  }

  onFailure(): void {
    if (this.isOver) return
    const now = this.mirrors.parts.clock.monotonic()
    this.mirror.upstream.noteFailure(this.endpoint!, true, now - this.since, this.turn, now)
    this.end('failed')
  }

  onDeadline(): void {
    this.attempt?.abort()
    this.onFailure()
  }
}
