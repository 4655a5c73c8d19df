/**
 * The attempts of one exchange at its upstream. Each is one try at one endpoint, any after the first is a retry. Here an endpoint is picked, the
 * request is sent to it, what came of it is noted, and it is tried again where that is safe; one deadline holds for all of them.
 */
import type { EndpointState } from '@sluice/balancers/balancer'
import type { ErrorCode } from '@sluice/errors'
import type { HeaderFields } from '@sluice/http'
import type { Clock } from '@sluice/service-kit'
import type { Readable } from 'node:stream'
import type { UpstreamState } from './balancer/upstream-state.ts'
import type { EdgeRequest } from './exchange.ts'
import { answerForCircuit, endWithError, refuse, type AnsweredWalk } from './own-answers.ts'
import { runAttemptHooks } from './policy-chain/policy-chain.ts'
import { traceparentOf } from './telemetry/trace-context.ts'
import type { DeadlineQueue, Deadlines, Expiring } from './upstream/deadlines.ts'
import { grpcTimeoutText, readGrpcTimeout } from './upstream/grpc-timeout.ts'
import { HedgedAttempt, type HedgeCounts, type HedgingAttempts } from './upstream/hedged-attempt.ts'
import type { PoolSet } from './upstream/pool-set.ts'
import { ReplayBody } from './upstream/replay-body.ts'
import { hostForAttempt } from './upstream/request-fields.ts'
import { blamesEndpoint, idempotentMethods, isUnreachable, mayRetry, safeMethods } from './upstream/retry-rule.ts'
import type { Attempt, AttemptHandler, EndpointPool } from './upstream/upstream-client.ts'

/** What attempts use of their worker. */
export interface AttemptParts {
  readonly pools: PoolSet
  readonly deadlines: Deadlines
  readonly hedges: HedgeCounts
  readonly clock: Clock
}

/** The walk that they are made for; it hears what the endpoint says. */
export interface AttemptingWalk extends AnsweredWalk, AttemptHandler {}

export class Attempts implements HedgingAttempts, Expiring {
  deadlineAt = 0
  queue: DeadlineQueue | undefined = undefined
  earlier: Expiring | undefined = undefined
  later: Expiring | undefined = undefined
  readonly walk: AttemptingWalk
  private readonly parts: AttemptParts
  private readonly upstream: UpstreamState
  private readonly body: Readable | null
  /** Keeps the body's beginning for a retry; only of a request that may have one. */
  private readonly replay: ReplayBody | undefined
  /** Of the running attempt, for the upstream's circuit breaker. */
  private turn = 0

  /** `body`: of the request, read by the attempts alone. */
  constructor(walk: AttemptingWalk, parts: AttemptParts, upstream: UpstreamState, body: Readable | null) {
    this.walk = walk
    this.parts = parts
    this.upstream = upstream
    this.body = body
    this.replay = body === null ? undefined : replayOf(body, walk.exchange.request, upstream)
  }

  // --- making them ---

  /** Makes the first one. */
  begin(now: number): void {
    this.upstream.budget.noteRequest(now)
    this.setDeadline()
    this.attempt(now, undefined)
  }

  /** What comes after a failure before the response's head was sent: a retry, or the failure is what the client hears. */
  retryOrRefuse(code: ErrorCode, sent: boolean, cause: unknown, now: number): void {
    const { walk, upstream } = this
    const { exchange } = walk
    const endpoint = exchange.endpoint!
    walk.logger.debug({ upstream: upstream.name, endpoint: endpoint.id, code, err: cause, requestId: exchange.requestId }, 'attempt failed')
    const isRepeatable = this.body === null || this.replay?.isWhole === true
    const again = exchange.attempts < upstream.settings.retries.attempts && mayRetry(code, sent, exchange.request.method, isRepeatable)
    if (!again || !upstream.budget.takeRetry(now)) return refuse(walk, code)
    exchange.tried ??= new Set()
    exchange.tried.add(endpoint.id)
    this.attempt(now, code)
  }

  /** `failure`: of the attempt before this one; it stands when there is no endpoint left to try. */
  private attempt(now: number, failure: ErrorCode | undefined): void {
    const { walk, upstream } = this
    const { exchange } = walk
    this.turn = upstream.admit(now)
    if (this.turn === 0) return failure === undefined ? answerForCircuit(walk, now) : refuse(walk, failure)
    const endpoint = upstream.pick(now, exchange.tried, exchange)
    if (endpoint === undefined) {
      upstream.release(this.turn)
      return refuse(walk, failure ?? (upstream.isFull() ? 'upstream.overloaded' : 'upstream.none_healthy'))
    }
    exchange.endpoint = endpoint
    exchange.attempts++
    exchange.upstreamSince = now
    endpoint.open++
    const { hedge } = upstream.settings
    exchange.attempt = hedge === undefined || !this.mayHedge() ? this.send(endpoint, exchange.request.headers, now, walk) : this.hedge(endpoint, hedge.max, now)
  }

  /** The request on its way to one endpoint; `headers` are for this attempt. */
  send(endpoint: EndpointState, headers: HeaderFields, now: number, handler: AttemptHandler): Attempt {
    const { exchange } = this.walk
    const { request, clientSide } = exchange
    const { settings } = this.upstream
    const host = hostForAttempt(settings.hostHeader, endpoint.hostHeader)
    if (host !== undefined) headers.set('Host', host)
    if (clientSide.isGrpc && this.deadlineAt > 0) headers.set('grpc-timeout', grpcTimeoutText(this.deadlineAt - now))
    headers.set('traceparent', traceparentOf(exchange.trace!))
    const path = endpoint.basePath === '' ? request.path : endpoint.basePath + request.path
    const target = request.query === '' ? path : `${path}?${request.query}`
    if (exchange.route.hasAttemptHooks) runAttemptHooks(exchange, headers, target)
    return this.poolFor(endpoint.origin).send(
      {
        method: request.method,
        path: target,
        fields: headers.flat,
        body: this.replay?.open() ?? this.body,
        upgrade: clientSide.upgrade,
        acceptsTrailers: clientSide.acceptsTrailers,
        firstByteMs: settings.timeouts.firstByteMs,
        idleMs: settings.timeouts.idleMs,
      },
      handler,
    )
  }

  private poolFor(origin: string): EndpointPool {
    const { pools } = this.parts
    const { timeouts, tls, protocol } = this.upstream.settings
    if (protocol === 'http2') return pools.http2PoolFor(origin, timeouts.connectMs, tls)
    return this.walk.exchange.clientSide.upgrade === undefined ? pools.poolFor(origin, timeouts.connectMs, tls) : pools.upgradePoolFor(origin, timeouts.connectMs, tls)
  }

  /** RFC 9110 §9.2.1: done twice, it does no more than once. */
  private mayHedge(): boolean {
    const { request, clientSide } = this.walk.exchange
    return this.body === null && clientSide.upgrade === undefined && safeMethods.has(request.method)
  }

  private hedge(endpoint: EndpointState, most: number, now: number): Attempt {
    const { clock, hedges } = this.parts
    return new HedgedAttempt({ clock, counts: hedges }, this, this.upstream, this.walk.exchange.request.headers, { endpoint, turn: this.turn, most, now })
  }

  follow(endpoint: EndpointState, turn: number, since: number): void {
    const { exchange } = this.walk
    exchange.endpoint = endpoint
    exchange.upstreamMs += since - exchange.upstreamSince
    exchange.upstreamSince = since
    this.turn = turn
  }

  // --- what comes of them ---

  /** The head of a response. Adds the cookie that leads the client back to this endpoint, where the balancer wants that. */
  noteAnswer(status: number, headers: HeaderFields): void {
    const { upstream } = this
    const { exchange } = this.walk
    const endpoint = exchange.endpoint!
    const now = this.parts.clock.monotonic()
    upstream.noteAnswer(endpoint, status, headers, now - exchange.upstreamSince, this.turn, now)
    if (status >= 500) return
    const cookie = upstream.cookieFor(endpoint, exchange, exchange.client.scheme === 'https')
    if (cookie !== undefined) headers.add('Set-Cookie', cookie)
  }

  /** Tells the upstream's state of a failure that speaks against the endpoint. */
  blame(code: ErrorCode, now: number): void {
    const { body } = this
    const { exchange } = this.walk
    if (exchange.attempt === undefined && exchange.upstreamSince === 0) return
    if (!blamesEndpoint(code, body !== null && !body.readableEnded, exchange.headSent)) return
    this.upstream.noteFailure(exchange.endpoint!, isUnreachable(code), now - exchange.upstreamSince, this.turn, now)
  }

  /** Nothing more of the running one will come. */
  end(now: number): void {
    const { exchange } = this.walk
    if (exchange.attempt === undefined && exchange.upstreamSince === 0) return
    exchange.upstreamMs += now - exchange.upstreamSince
    exchange.upstreamSince = 0
    this.upstream.release(this.turn)
    exchange.attempt = undefined
    if (exchange.endpoint !== undefined) exchange.endpoint.open--
  }

  /** Nothing more of the running one is wanted. */
  abandon(): void {
    const { exchange } = this.walk
    if (exchange.attempt === undefined) return
    exchange.attempt.abort()
    this.end(this.parts.clock.monotonic())
  }

  // --- the deadline ---

  /** A gRPC call has the deadline that its client set, or none. */
  private setDeadline(): void {
    const { clientSide, request, startedAt } = this.walk.exchange
    const durationMs = clientSide.isGrpc ? readGrpcTimeout(request.headers.get('grpc-timeout')) : this.upstream.settings.timeouts.requestMs
    if (durationMs !== undefined) this.parts.deadlines.set(this, durationMs, startedAt)
  }

  liftDeadline(): void {
    this.parts.deadlines.clear(this)
  }

  onDeadline(): void {
    const { exchange } = this.walk
    if (exchange.isOver) return
    // How long a gRPC call may take is its client's choice and says nothing of the endpoint.
    if (!exchange.clientSide.isGrpc) this.blame('upstream.request_timeout', this.parts.clock.monotonic())
    this.abandon()
    endWithError(this.walk, 'upstream.request_timeout')
  }
}

function replayOf(body: Readable, { method, declaredBytes = 0 }: EdgeRequest, { settings }: UpstreamState): ReplayBody | undefined {
  const { attempts, replayBytes } = settings.retries
  const mayHaveRetry = attempts > 1 && replayBytes > 0 && declaredBytes <= replayBytes && idempotentMethods.has(method)
  return mayHaveRetry ? new ReplayBody(body, replayBytes) : undefined
}
