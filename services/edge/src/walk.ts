/** The walk of one exchange; `pipeline.ts` says which phases it goes through. A phase answers at once whenever it can. */
import { catalogue, SluiceError, type ErrorCode } from '@sluice/errors'
import type { EndpointState } from '@sluice/balancers/balancer'
import { HeaderFields, removeHopByHop } from '@sluice/http'
import type { Decision } from '@sluice/policies/policy'
import type { Logger } from '@sluice/service-kit'
import type { Duplex, Readable } from 'node:stream'
import { Attempts, type AttemptingWalk, type AttemptParts } from './attempts.ts'
import { CacheTurn, type TurnedWalk } from './cache/cache-turn.ts'
import type { ResponseCache } from './cache/response-cache.ts'
import type { StoredAnswer } from './cache/stored-answer.ts'
import { identifyClient } from './client/identify-client.ts'
import type { CompiledRoute } from './compiled-snapshot.ts'
import type { EdgeExchange } from './exchange.ts'
import { forwardedBody, type ForwardingWalk } from './forwarded-body.ts'
import type { ClientWatcher } from './listener/client-side.ts'
import { answerAsDecided, answerAsStored, cutShort, endWithError, refuse, refuseUnrouted } from './own-answers.ts'
import { readRequest } from './parser/read-request.ts'
import { cacheRulesIn, runDoneHooks, runRequestHooks } from './policy-chain/policy-chain.ts'
import { mapBack } from './responder/map-back.ts'
import { cleanUpstreamFields } from './responder/response-fields.ts'
import { respond, showPiece } from './respond.ts'
import { findRoute } from './router/find-route.ts'
import { continueTrace, traceparentOf } from './telemetry/trace-context.ts'
import { UpgradedWalk, type UpgradingWalk } from './upgraded-walk.ts'
import type { Tunnels } from './upgrade/tunnels.ts'
import type { Mirror, MirroredBody, Mirrors } from './upstream/mirrors.ts'
import { writeRequestFields } from './upstream/request-fields.ts'
import type { Attempt, AttemptHandler } from './upstream/upstream-client.ts'

/** What walks use of their worker. */
export interface WalkParts extends AttemptParts {
  readonly tunnels: Tunnels
  readonly mirrors: Mirrors
  readonly cache: ResponseCache
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

export class Walk implements ClientWatcher, AttemptingWalk, ForwardingWalk, TurnedWalk, UpgradingWalk {
  private readonly pipeline: WalkingPipeline
  readonly exchange: EdgeExchange
  /** Undefined until the request goes to the upstream. */
  private attempts: Attempts | undefined
  copy: MirroredBody | undefined
  /** From the response's Content-Length; -1 when it is not known. */
  expectedBytes = -1
  private upgraded: UpgradedWalk | undefined
  /** On a route with the policy `cache`. */
  cached: CacheTurn | undefined

  constructor(pipeline: WalkingPipeline, exchange: EdgeExchange) {
    this.pipeline = pipeline
    this.exchange = exchange
    exchange.clientSide.watcher = this
  }

  get logger(): Logger {
    return this.pipeline.parts.logger
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
    const { mirror } = exchange.route
    const { parts } = this.pipeline
    const body = exchange.request.declaredBytes === 0 ? null : forwardedBody(this)
    this.attempts = new Attempts(this, parts, exchange.route.upstream!, body)
    exchange.stage = 'upstream'
    if (mirror !== undefined && exchange.clientSide.upgrade === undefined) this.mirror(mirror, body)
    // At the cache it may have waited.
    this.attempts.begin(this.cached === undefined ? exchange.policiesDoneAt : parts.clock.monotonic())
  }

  private mirror(mirror: Mirror, body: Readable | null): void {
    const { exchange } = this
    exchange.request.headers.set('traceparent', traceparentOf(exchange.trace!))
    this.copy = this.pipeline.parts.mirrors.copy(mirror, exchange, body)
  }

  onFailure(code: ErrorCode, sent: boolean, cause: unknown): void {
    const { exchange } = this
    const attempts = this.attempts!
    const now = this.pipeline.parts.clock.monotonic()
    if (!exchange.clientSide.isGone) attempts.blame(code, now)
    attempts.end(now)
    if (exchange.isOver || this.cached?.hasAnswered === true) return
    if (exchange.clientSide.isGone) return this.onClientGone()
    if (exchange.headSent) return cutShort(this, code)
    attempts.retryOrRefuse(code, sent, cause, now)
  }

  /** For the cache, which asks on its own for what is stale. */
  send(endpoint: EndpointState, headers: HeaderFields, now: number, handler: AttemptHandler): Attempt {
    return new Attempts(this, this.pipeline.parts, this.exchange.route.upstream!, null).send(endpoint, headers, now, handler)
  }

  // --- the response's way out ---

  onHead(status: number, fields: string[], isWhole = false): void {
    const { exchange } = this
    const headers = new HeaderFields(fields)
    const setsCookies = this.cached !== undefined && headers.has('set-cookie')
    const isChunked = this.cached !== undefined && (headers.has('transfer-encoding') || exchange.route.upstream!.settings.protocol === 'http2')
    this.attempts!.noteAnswer(status, headers)
    if (exchange.stage === 'finished') return
    const length = headers.get('content-length')
    // A response that is nothing but its head goes out in one piece, which gRPC tells errors by.
    this.expectedBytes = isWhole ? 0 : length === undefined || exchange.request.method === 'HEAD' ? -1 : Number(length)
    cleanResponse(headers, exchange)
    if (this.cached !== undefined && this.cached.takesHead({ status, headers, setsCookies, isChunked, declaredBytes: this.expectedBytes })) return
    exchange.response = { status, headers }
    if (headers.get('content-type')?.startsWith('text/event-stream') === true) this.attempts!.liftDeadline()
    respond(this)
  }

  onUpgrade(fields: string[], end: Duplex): void {
    const headers = new HeaderFields(fields)
    this.attempts!.noteAnswer(101, headers)
    this.attempts!.liftDeadline()
    this.upgraded = new UpgradedWalk(this, this.pipeline.parts.tunnels, end)
    this.upgraded.begin(headers)
  }

  onData(chunk: Uint8Array): boolean {
    const { exchange } = this
    if (exchange.stage === 'finished') return true
    exchange.bytesOut += chunk.length
    if (exchange.route.seesResponseBody) showPiece(this, chunk)
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

  onEnd(trailers?: readonly string[]): void {
    const { exchange } = this
    const now = this.pipeline.parts.clock.monotonic()
    this.attempts!.end(now)
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
    if (this.exchange.isOver) return
    this.abandonAttempt()
    endWithError(this, code)
  }

  answerStored(answer: StoredAnswer): void {
    answerAsStored(this, answer)
  }

  refuse(code: ErrorCode): void {
    refuse(this, code)
  }

  fail(error: unknown): void {
    const { exchange } = this
    if (exchange.stage === 'finished') return
    if (!(error instanceof SluiceError)) {
      this.logger.error({ err: error, requestId: exchange.requestId, route: exchange.matched?.name }, 'an exchange failed unexpectedly')
    }
    this.abandonAttempt()
    const code = error instanceof SluiceError ? error.code : 'internal.unexpected'
    if (exchange.headSent) return cutShort(this, code)
    exchange.stepsReached = 0
    refuse(this, code)
  }

  // --- the end ---

  endAttempt(): void {
    this.attempts?.end(this.pipeline.parts.clock.monotonic())
  }

  abandonAttempt(): void {
    if (this.exchange.attempt === undefined) return
    this.upgraded?.destroy()
    this.attempts!.abandon()
  }

  finish(now = this.pipeline.parts.clock.monotonic()): void {
    const { exchange, pipeline } = this
    if (exchange.stage === 'finished') return
    exchange.stage = 'finished'
    this.attempts?.liftDeadline()
    this.copy?.abandon()
    this.cached?.end()
    pipeline.open--
    try {
      runDoneHooks(exchange)
      pipeline.parts.record(exchange, now)
    } catch (error) {
      this.logger.error({ err: error, requestId: exchange.requestId }, 'an exchange could not be recorded')
    }
  }
}
