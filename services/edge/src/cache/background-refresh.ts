/** What is kept is asked for anew while a request has been answered with it (stale-while-revalidate, RFC 5861 §3). Nobody waits for it. */
import type { EndpointState } from '@sluice/balancers/balancer'
import { HeaderFields } from '@sluice/http'
import type { EdgeExchange } from '../exchange.ts'
import type { DeadlineQueue, Deadlines, Expiring } from '../upstream/deadlines.ts'
import type { Attempt, AttemptHandler } from '../upstream/upstream-client.ts'
import type { Filling } from './filling.ts'

export interface RefreshParts {
  readonly deadlines: Deadlines
  readonly clock: { monotonic(): number }
  /** Without the fields of the hop, and in the client's addresses. */
  readonly clean: (headers: HeaderFields, exchange: EdgeExchange) => void
}

/** The walk of the request that found it stale. */
export interface RefreshedWalk {
  readonly exchange: EdgeExchange
  send(endpoint: EndpointState, headers: HeaderFields, now: number, handler: AttemptHandler): Attempt
}

export class BackgroundRefresh implements AttemptHandler, Expiring {
  deadlineAt = 0
  queue: DeadlineQueue | undefined = undefined
  earlier: Expiring | undefined = undefined
  later: Expiring | undefined = undefined
  readonly #parts: RefreshParts
  readonly #exchange: EdgeExchange
  readonly #filling: Filling
  #attempt: Attempt | undefined
  #endpoint: EndpointState | undefined
  #turn = 0
  #since = 0
  #isOver = false

  constructor(parts: RefreshParts, exchange: EdgeExchange, filling: Filling) {
    this.#parts = parts
    this.#exchange = exchange
    this.#filling = filling
  }

  /** One attempt at one endpoint; an upstream that is to be left alone is. */
  start(walk: RefreshedWalk): void {
    const upstream = this.#exchange.route.upstream!
    this.#since = this.#parts.clock.monotonic()
    this.#turn = upstream.admit(this.#since)
    this.#endpoint = this.#turn === 0 ? undefined : upstream.pick(this.#since, undefined, this.#exchange)
    if (this.#endpoint === undefined) return this.#end()
    this.#endpoint.open++
    // The request goes on with its own.
    const headers = new HeaderFields([...this.#exchange.request.headers.flat])
    for (const name of ['if-none-match', 'if-modified-since', 'if-range', 'range']) headers.remove(name)
    this.#filling.makeConditional(headers)
    this.#parts.deadlines.set(this, upstream.settings.timeouts.requestMs, this.#since)
    this.#attempt = walk.send(this.#endpoint, headers, this.#since, this)
  }

  onHead(status: number, fields: string[], isWhole = false): void {
    const headers = new HeaderFields(fields)
    const now = this.#parts.clock.monotonic()
    const [setsCookies, isChunked] = [headers.has('set-cookie'), headers.has('transfer-encoding') || this.#exchange.route.upstream!.settings.protocol === 'http2']
    const length = headers.get('content-length')
    this.#exchange.route.upstream!.noteAnswer(this.#endpoint!, status, headers, now - this.#since, this.#turn, now)
    this.#parts.clean(headers, this.#exchange)
    const verdict = this.#filling.onHead({ status, headers, setsCookies, isChunked, declaredBytes: isWhole ? 0 : length === undefined ? -1 : Number(length) })
    if (verdict !== 'passed') return
    // Nobody reads the rest.
    this.#attempt?.abort()
    this.#end()
  }

  onUpgrade(): void {
    // None is asked for.
    this.#end()
  }

  onData(piece: Uint8Array): boolean {
    this.#filling.take(piece)
    return true
  }

  onEnd(): void {
    if (this.#filling.confirmed === undefined) this.#filling.complete()
    this.#end()
  }

  onFailure(): void {
    if (this.#isOver) return
    const now = this.#parts.clock.monotonic()
    this.#exchange.route.upstream!.noteFailure(this.#endpoint!, true, now - this.#since, this.#turn, now)
    this.#end()
  }

  onDeadline(): void {
    this.#attempt?.abort()
    this.onFailure()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#parts.deadlines.clear(this)
    if (this.#turn !== 0) this.#exchange.route.upstream!.release(this.#turn)
    if (this.#endpoint !== undefined) this.#endpoint.open--
    this.#filling.fail()
  }
}
