/** The walk of one exchange; `pipeline.ts` says which phases it goes through. A phase answers at once whenever it can. */
import { catalogue, SluiceError, type ErrorCode } from '@sluice/errors'
import type { EndpointState } from '@sluice/balancers/balancer'
import { HeaderFields, removeHopByHop } from '@sluice/http'
import type { Decision } from '@sluice/policies/policy'
import type { Upstream as UpstreamSettings } from '@sluice/proto/config'
import type { Clock, Logger } from '@sluice/service-kit'
import type { Duplex, Readable } from 'node:stream'
import { CacheTurn, type TurnedWalk } from './cache/cache-turn.ts'
import type { ResponseCache } from './cache/response-cache.ts'
import type { StoredAnswer } from './cache/stored-answer.ts'
import { identifyClient } from './client/identify-client.ts'
import type { CompiledRoute } from './compiled-snapshot.ts'
import type { EdgeExchange } from './exchange.ts'
import type { ClientWatcher } from './listener/client-side.ts'
import { KeptBody } from './listener/whole-body.ts'
import { answerAsDecided, answerAsStored, answerForCircuit, cutShort, refuse, refuseUnrouted, type AnsweredWalk } from './own-answers.ts'
import { readRequest } from './parser/read-request.ts'
import { cacheRulesIn, runAttemptHooks, runBodyHooks, runDoneHooks, runRequestHooks, runResponseHooks, showResponseBody } from './policy-chain/policy-chain.ts'
import { mapBack } from './responder/map-back.ts'
import { cleanUpstreamFields, writeResponseFields } from './responder/response-fields.ts'
import { findRoute } from './router/find-route.ts'
import { continueTrace, traceparentOf } from './telemetry/trace-context.ts'
import { UpgradedWalk, type UpgradingWalk } from './upgraded-walk.ts'
import type { Tunnels } from './upgrade/tunnels.ts'
import type { DeadlineQueue, Deadlines, Expiring } from './upstream/deadlines.ts'
import { grpcTimeoutText, readGrpcTimeout } from './upstream/grpc-timeout.ts'
import { HedgedAttempt, type HedgeCounts, type HedgedWalk } from './upstream/hedged-attempt.ts'
import type { Mirror, MirroredBody, Mirrors } from './upstream/mirrors.ts'
import type { PoolSet } from './upstream/pool-set.ts'
import { ReplayBody } from './upstream/replay-body.ts'
import { hostForAttempt, writeRequestFields } from './upstream/request-fields.ts'
import { blamesEndpoint, idempotentMethods, isUnreachable, mayRetry, safeMethods } from './upstream/retry-rule.ts'
import type { Attempt, AttemptHandler, EndpointPool } from './upstream/upstream-client.ts'

/** What walks use of their worker. */
export interface WalkParts {
  readonly pools: PoolSet
  readonly tunnels: Tunnels
  readonly deadlines: Deadlines
  readonly mirrors: Mirrors
  readonly cache: ResponseCache
  readonly hedges: HedgeCounts
  readonly clock: Clock
  readonly logger: Logger
  /** Told of every exchange when it is over, last of all. */
  readonly record: (exchange: EdgeExchange, endedAt: number) => void
}

/** Whose walks they are. */
export interface WalkingPipeline {
  readonly parts: WalkParts
  /** Exchanges that are running. */
  open: number
}

/** What an upstream says, as a client may hear it. */
function cleanResponse(headers: HeaderFields, exchange: EdgeExchange): void {
  cleanUpstreamFields(headers)
  mapBack(headers, exchange)
}

function isFinished(exchange: EdgeExchange): boolean {
  return exchange.stage === 'finished'
}

export class Walk implements ClientWatcher, AttemptHandler, HedgedWalk, TurnedWalk, AnsweredWalk, UpgradingWalk, Expiring {
  deadlineAt = 0
  queue: DeadlineQueue | undefined = undefined
  earlier: Expiring | undefined = undefined
  later: Expiring | undefined = undefined
  private readonly pipeline: WalkingPipeline
  readonly exchange: EdgeExchange
  private body: Readable | null = null
  /** Keeps the body's beginning for a second attempt; only of a request that may have one. */
  private replay: ReplayBody | undefined
  /** Waits for the body, to be sent to a shadow upstream with it. */
  private copy: MirroredBody | undefined
  /** From the response's Content-Length; -1 when it is not known. */
  expectedBytes = -1
  private upgraded: UpgradedWalk | undefined
  /** Of a route with the policy `cache`. */
  cached: CacheTurn | undefined
  /** Of the running attempt, for the upstream's circuit breaker. */
  private turn = 0

  constructor(pipeline: WalkingPipeline, exchange: EdgeExchange) {
    this.pipeline = pipeline
    this.exchange = exchange
    exchange.clientSide.watcher = this
  }

  // --- the request's way in ---

  start(): void {
    const { exchange } = this
    try {
      const { clientSide, client, request, snapshot } = exchange
      exchange.bytesIn = request.declaredBytes ?? 0
      identifyClient(client, clientSide.peerAddress, clientSide.encrypted, request.headers, snapshot.trustedProxies)
      const unreadable = readRequest(request, client.scheme)
      if (unreadable !== undefined) return refuse(this, unreadable)
      exchange.trace = continueTrace(request.headers.get('traceparent'))
      if (exchange.trace.parentSpanId === undefined) request.headers.remove('tracestate')
      removeHopByHop(request.headers)
      const found = findRoute(snapshot.router, request, client.address)
      if (found.route === undefined) return refuseUnrouted(this, found.allowed)
      exchange.alternatives = found.alternatives
      const way = found.alternatives === undefined ? found.route.split?.choose(exchange) : undefined
      this.runPolicies(way ?? found.route, found.parameters)
    } catch (error) {
      this.fail(error)
    }
  }

  private runPolicies(route: CompiledRoute, parameters: Readonly<Record<string, string>>): void {
    const { exchange } = this
    exchange.matched = route
    exchange.routedAt = this.pipeline.parts.clock.monotonic()
    exchange.parameters = parameters
    exchange.steps = route.chain.steps
    const decision = runRequestHooks(exchange, route.chain)
    if (decision instanceof Promise) decision.then((late) => this.afterPolicies(late), (error: unknown) => this.fail(error))
    else this.afterPolicies(decision)
  }

  private afterPolicies(decision: Decision | undefined): void {
    const { exchange } = this
    if (exchange.stage === 'finished') return
    exchange.policiesDoneAt = exchange.steps.length === 0 ? exchange.routedAt : this.pipeline.parts.clock.monotonic()
    try {
      if (decision !== undefined) answerAsDecided(this, decision)
      else this.forward()
    } catch (error) {
      this.fail(error)
    }
  }

  // --- to the upstream ---

  private forward(): void {
    const { exchange } = this
    const { request } = exchange
    const { upstream, rewrite, chain } = exchange.route
    if (upstream === undefined) return refuse(this, 'internal.invariant_broken')
    if (rewrite !== undefined) request.path = rewrite.pathFor(request.path, exchange.parameters)
    writeRequestFields(exchange)
    const cacheRules = chain.mayCache ? cacheRulesIn(exchange.steps) : undefined
    if (cacheRules === undefined) return this.goOn()
    const { cache, deadlines, clock } = this.pipeline.parts
    this.cached = new CacheTurn(cache, { deadlines, clock, clean: cleanResponse }, this, cacheRules)
    this.cached.begin()
  }

  /** To the balancer, with the fields that the upstream gets. */
  goOn(): void {
    const { exchange } = this
    const { request, clientSide } = exchange
    const { mirror } = exchange.route
    const upstream = exchange.route.upstream!
    if (request.declaredBytes !== 0) this.body = this.openBody()
    if (this.body !== null && idempotentMethods.has(request.method)) this.keepBody(this.body, upstream.settings.retries)
    exchange.stage = 'upstream'
    if (mirror !== undefined && clientSide.upgrade === undefined) this.mirror(mirror)
    // At the cache it may have waited.
    const now = this.cached === undefined ? exchange.policiesDoneAt : this.pipeline.parts.clock.monotonic()
    upstream.budget.noteRequest(now)
    this.setDeadline(upstream.settings.timeouts.requestMs)
    this.attempt(now, 'upstream.none_healthy')
  }

  private openBody(): Readable {
    const { keptBody, clientSide } = this.exchange
    const onPiece = (bytesSoFar: number, piece: Uint8Array): boolean => this.onBody(bytesSoFar, piece)
    return keptBody === undefined ? clientSide.body(onPiece) : new KeptBody(keptBody, onPiece)
  }

  private mirror(mirror: Mirror): void {
    const { exchange, body } = this
    exchange.request.headers.set('traceparent', traceparentOf(exchange.trace!))
    this.copy = this.pipeline.parts.mirrors.copy(mirror, exchange, body)
  }

  private keepBody(body: Readable, { attempts, replayBytes }: UpstreamSettings['retries']): void {
    const { declaredBytes = 0 } = this.exchange.request
    if (attempts > 1 && replayBytes > 0 && declaredBytes <= replayBytes) this.replay = new ReplayBody(body, replayBytes)
  }

  /** One try at one endpoint; `failure` is what stands when there is none left to try. */
  private attempt(now: number, failure: ErrorCode): void {
    const { exchange } = this
    const upstream = exchange.route.upstream!
    const { settings } = upstream
    this.turn = upstream.admit(now)
    if (this.turn === 0) return failure === 'upstream.none_healthy' ? answerForCircuit(this, now) : refuse(this, failure)
    const endpoint = upstream.pick(now, exchange.tried, exchange)
    if (endpoint === undefined) {
      upstream.release(this.turn)
      return refuse(this, failure === 'upstream.none_healthy' && upstream.isFull() ? 'upstream.overloaded' : failure)
    }
    exchange.endpoint = endpoint
    exchange.attempts++
    exchange.upstreamSince = now
    endpoint.open++
    exchange.attempt = settings.hedge === undefined || !this.mayHedge() ? this.send(endpoint, exchange.request.headers, now, this) : this.hedge(endpoint, settings.hedge.max, now)
  }

  /** The request on its way to one endpoint; `headers` are for this attempt. */
  send(endpoint: EndpointState, headers: HeaderFields, now: number, handler: AttemptHandler): Attempt {
    const { exchange } = this
    const { request } = exchange
    const { settings } = exchange.route.upstream!
    const host = hostForAttempt(settings.hostHeader, endpoint.hostHeader)
    if (host !== undefined) headers.set('Host', host)
    if (exchange.clientSide.isGrpc && this.deadlineAt > 0) headers.set('grpc-timeout', grpcTimeoutText(this.deadlineAt - now))
    headers.set('traceparent', traceparentOf(exchange.trace!))
    const path = endpoint.basePath === '' ? request.path : endpoint.basePath + request.path
    const target = request.query === '' ? path : `${path}?${request.query}`
    if (exchange.route.hasAttemptHooks) runAttemptHooks(exchange, headers, target)
    return this.poolFor(endpoint.origin, settings).send(
      {
        method: request.method,
        path: target,
        fields: headers.flat,
        body: this.replay?.open() ?? this.body,
        upgrade: exchange.clientSide.upgrade,
        acceptsTrailers: exchange.clientSide.acceptsTrailers,
        firstByteMs: settings.timeouts.firstByteMs,
        idleMs: settings.timeouts.idleMs,
      },
      handler,
    )
  }

  /** RFC 9110 §9.2.1: done twice, it does no more than once. */
  private mayHedge(): boolean {
    const { request, clientSide } = this.exchange
    return this.body === null && clientSide.upgrade === undefined && safeMethods.has(request.method)
  }

  private hedge(endpoint: EndpointState, most: number, now: number): Attempt {
    const { clock, hedges } = this.pipeline.parts
    const { exchange } = this
    return new HedgedAttempt({ clock, counts: hedges }, this, exchange.route.upstream!, exchange.request.headers, { endpoint, turn: this.turn, most, now })
  }

  follow(endpoint: EndpointState, turn: number, since: number): void {
    const { exchange } = this
    exchange.endpoint = endpoint
    exchange.upstreamMs += since - exchange.upstreamSince
    exchange.upstreamSince = since
    this.turn = turn
  }

  private poolFor(origin: string, { timeouts, tls, protocol }: UpstreamSettings): EndpointPool {
    const { pools } = this.pipeline.parts
    if (protocol === 'http2') return pools.http2PoolFor(origin, timeouts.connectMs, tls)
    return this.exchange.clientSide.upgrade === undefined ? pools.poolFor(origin, timeouts.connectMs, tls) : pools.upgradePoolFor(origin, timeouts.connectMs, tls)
  }

  /** Each piece of the request's body passes here; false ends it. */
  private onBody(bytesSoFar: number, piece: Uint8Array): boolean {
    const { exchange } = this
    exchange.bytesIn = bytesSoFar
    this.copy?.take(piece)
    if (!exchange.route.seesBody) return true
    const decision = runBodyHooks(exchange, bytesSoFar, piece)
    if (decision === undefined) return true
    this.abandonAttempt()
    exchange.clientSide.closeAfterwards()
    if (exchange.headSent) cutShort(this, decision.kind === 'refusal' ? decision.code : 'client.body_too_large')
    else answerAsDecided(this, decision)
    return false
  }

  onFailure(code: ErrorCode, sent: boolean, cause: unknown): void {
    const { exchange, pipeline } = this
    const upstream = exchange.route.upstream!
    const now = pipeline.parts.clock.monotonic()
    const endpoint = exchange.endpoint!
    if (!exchange.clientSide.isGone) this.blame(code, now)
    this.endAttempt(now)
    if (exchange.stage === 'finished' || this.cached?.hasAnswered === true) return
    if (exchange.clientSide.isGone) return this.onClientGone()
    if (exchange.headSent) return cutShort(this, code)
    pipeline.parts.logger.debug({ upstream: upstream.name, endpoint: endpoint.id, code, err: cause, requestId: exchange.requestId }, 'attempt failed')
    const again = exchange.attempts < upstream.settings.retries.attempts && mayRetry(code, sent, exchange.request.method, this.body === null || this.replay?.isWhole === true)
    if (!again || !upstream.budget.takeRetry(now)) return refuse(this, code)
    exchange.tried ??= new Set()
    exchange.tried.add(endpoint.id)
    this.attempt(now, code)
  }

  /** Tells the upstream's state of a failure that speaks against the endpoint. */
  private blame(code: ErrorCode, now: number): void {
    const { exchange, body } = this
    if (exchange.attempt === undefined && exchange.upstreamSince === 0) return
    if (!blamesEndpoint(code, body !== null && !body.readableEnded, exchange.headSent)) return
    exchange.route.upstream!.noteFailure(exchange.endpoint!, isUnreachable(code), now - exchange.upstreamSince, this.turn, now)
  }

  onDeadline(): void {
    if (this.exchange.stage === 'finished') return
    // How long a gRPC call may take is its client's choice and says nothing of the endpoint.
    if (!this.exchange.clientSide.isGrpc) this.blame('upstream.request_timeout', this.pipeline.parts.clock.monotonic())
    this.abandonAttempt()
    if (this.exchange.headSent) cutShort(this, 'upstream.request_timeout')
    else refuse(this, 'upstream.request_timeout')
  }

  // --- the response's way out ---

  onHead(status: number, fields: string[], isWhole = false): void {
    const { exchange } = this
    const headers = new HeaderFields(fields)
    const setsCookies = this.cached !== undefined && headers.has('set-cookie')
    const isChunked = this.cached !== undefined && (headers.has('transfer-encoding') || exchange.route.upstream!.settings.protocol === 'http2')
    this.noteAnswer(status, headers)
    if (exchange.stage === 'finished') return
    const length = headers.get('content-length')
    // A response that is nothing but its head goes out in one piece, which gRPC tells errors by.
    this.expectedBytes = isWhole ? 0 : length === undefined || exchange.request.method === 'HEAD' ? -1 : Number(length)
    cleanResponse(headers, exchange)
    if (this.cached !== undefined && this.cached.takesHead({ status, headers, setsCookies, isChunked, declaredBytes: this.expectedBytes })) return
    exchange.response = { status, headers }
    if (headers.get('content-type')?.startsWith('text/event-stream') === true) this.pipeline.parts.deadlines.clear(this)
    this.respond()
  }

  onUpgrade(fields: string[], end: Duplex): void {
    const { deadlines, tunnels } = this.pipeline.parts
    const headers = new HeaderFields(fields)
    this.noteAnswer(101, headers)
    deadlines.clear(this)
    this.upgraded = new UpgradedWalk(this, tunnels, end)
    this.upgraded.begin(headers)
  }

  private noteAnswer(status: number, headers: HeaderFields): void {
    const { exchange } = this
    const upstream = exchange.route.upstream!
    const endpoint = exchange.endpoint!
    const now = this.pipeline.parts.clock.monotonic()
    upstream.noteAnswer(endpoint, status, headers, now - exchange.upstreamSince, this.turn, now)
    if (status >= 500) return
    const cookie = upstream.cookieFor(endpoint, exchange, exchange.client.scheme === 'https')
    if (cookie !== undefined) headers.add('Set-Cookie', cookie)
  }

  /** Runs the response policies and sends the head; then `afterHead`, where there is something to do at once. */
  respond(afterHead?: () => void): void {
    const { exchange } = this
    exchange.stage = 'responding'
    const pending = this.runResponsePolicies()
    if (pending === undefined) {
      this.sendHead()
      afterHead?.()
      return
    }
    exchange.attempt?.pause()
    pending.then(
      () => {
        if (isFinished(exchange)) return
        this.sendHead()
        afterHead?.()
        exchange.attempt?.resume()
      },
      (error: unknown) => this.fail(error),
    )
  }

  /** A response policy that fails leaves the response to the ones above it; the exchange is answered all the same. */
  runResponsePolicies(): void | Promise<void> {
    try {
      return runResponseHooks(this.exchange)
    } catch (error) {
      this.pipeline.parts.logger.error({ err: error, requestId: this.exchange.requestId }, 'a response policy failed')
    }
  }

  private sendHead(): void {
    const { exchange } = this
    const { status, headers } = exchange.response!
    writeResponseFields(headers, exchange)
    exchange.status = status
    exchange.headSent = true
    exchange.clientSide.sendHead(status, headers.flat, this.expectedBytes < 0)
  }

  onData(chunk: Uint8Array): boolean {
    const { exchange } = this
    if (exchange.stage === 'finished') return true
    exchange.bytesOut += chunk.length
    if (exchange.route.seesResponseBody) this.showResponse(chunk)
    this.cached?.take(chunk)
    // The last piece goes out together with the end, in one write.
    if (exchange.bytesOut === this.expectedBytes) exchange.clientSide.end(chunk)
    else if (!exchange.clientSide.send(chunk)) exchange.attempt?.pause()
    return exchange.clientSide.isFlushed === true
  }

  /** A short body that came with its head. Whoever looks at pieces has to see it in `onData`. */
  onWholeBody(text: string): boolean {
    const { exchange } = this
    const { clientSide } = exchange
    if (exchange.stage === 'finished' || exchange.route.seesResponseBody || this.cached !== undefined || clientSide.endText === undefined || this.expectedBytes !== text.length) return false
    exchange.bytesOut = text.length
    clientSide.endText(text)
    return true
  }

  /** A policy that fails on a piece of the response changes nothing of it. */
  private showResponse(piece: Uint8Array): void {
    try {
      showResponseBody(this.exchange, piece)
    } catch (error) {
      this.pipeline.parts.logger.error({ err: error, requestId: this.exchange.requestId }, 'a response policy failed')
    }
  }

  onEnd(trailers?: readonly string[]): void {
    const { exchange } = this
    const now = this.pipeline.parts.clock.monotonic()
    this.endAttempt(now)
    if (exchange.stage === 'finished' || this.cached?.complete() === false) return
    if (this.expectedBytes <= 0 || exchange.bytesOut !== this.expectedBytes) exchange.clientSide.end(undefined, trailers)
    this.finish(now)
  }

  onClientDrain(): void {
    this.exchange.attempt?.resume()
  }

  /** The client left: its exchange ends at once and counts against nobody. */
  onClientGone(): void {
    const { exchange } = this
    if (exchange.stage === 'finished') return
    exchange.status = catalogue['client.aborted'].status
    exchange.reason = 'client.aborted'
    if (exchange.matched?.onClientAbort !== 'continue') this.abandonAttempt()
    this.finish()
  }

  onBadBody(code: ErrorCode): void {
    if (isFinished(this.exchange)) return
    this.abandonAttempt()
    if (this.exchange.headSent) cutShort(this, code)
    else refuse(this, code)
  }

  answerStored(answer: StoredAnswer): void {
    answerAsStored(this, answer)
  }

  refuse(code: ErrorCode): void {
    refuse(this, code)
  }

  settleAttempt(isOver: boolean): void {
    if (isOver) this.endAttemptNow()
    else this.abandonAttempt()
  }

  fail(error: unknown): void {
    const { exchange } = this
    if (exchange.stage === 'finished') return
    if (!(error instanceof SluiceError)) {
      this.pipeline.parts.logger.error({ err: error, requestId: exchange.requestId, route: exchange.matched?.name }, 'an exchange failed unexpectedly')
    }
    this.abandonAttempt()
    const code = error instanceof SluiceError ? error.code : 'internal.unexpected'
    if (exchange.headSent) return cutShort(this, code)
    exchange.stepsReached = 0
    refuse(this, code)
  }

  // --- the end ---

  endAttemptNow(): void {
    this.endAttempt(this.pipeline.parts.clock.monotonic())
  }

  private abandonAttempt(): void {
    const { exchange } = this
    if (exchange.attempt === undefined) return
    this.upgraded?.destroy()
    exchange.attempt.abort()
    this.endAttemptNow()
  }

  private endAttempt(now: number): void {
    const { exchange } = this
    if (exchange.attempt === undefined && exchange.upstreamSince === 0) return
    exchange.upstreamMs += now - exchange.upstreamSince
    exchange.upstreamSince = 0
    exchange.matched!.upstream!.release(this.turn)
    exchange.attempt = undefined
    if (exchange.endpoint !== undefined) exchange.endpoint.open--
  }

  /** A gRPC call has the deadline that its client set, or none. */
  private setDeadline(requestMs: number): void {
    const { clientSide, request, startedAt } = this.exchange
    const durationMs = clientSide.isGrpc ? readGrpcTimeout(request.headers.get('grpc-timeout')) : requestMs
    if (durationMs !== undefined) this.pipeline.parts.deadlines.set(this, durationMs, startedAt)
  }

  finish(now = this.pipeline.parts.clock.monotonic()): void {
    const { exchange, pipeline } = this
    if (exchange.stage === 'finished') return
    exchange.stage = 'finished'
    pipeline.parts.deadlines.clear(this)
    this.copy?.abandon()
    this.cached?.end()
    pipeline.open--
    try {
      runDoneHooks(exchange)
      pipeline.parts.record(exchange, now)
    } catch (error) {
      pipeline.parts.logger.error({ err: error, requestId: exchange.requestId }, 'an exchange could not be recorded')
    }
  }
}
