/**
 * What a worker keeps of one upstream across snapshots: its endpoints with their open requests and health, its
 * balancer's turn, its circuit, and the share of retries it has left. A changed snapshot or discovery's word updates it
 * in place, so that requests that are running keep counting on the same objects.
 */
import { createUpstreamEndpoints, leaveOut, type EndpointFacts, type EndpointRules } from '@sluice/balancers/endpoints'
import type { Balancer, EndpointState, UpstreamEndpoints } from '@sluice/balancers/balancer'
import type { HeaderFields } from '@sluice/http'
import { circuitBreaker as circuitSettings, type Upstream } from '@sluice/proto/config'
import type { Clock } from '@sluice/service-kit'
import { AnswerTimes } from './answer-times.ts'
import { CircuitBreaker, type HeldCircuit } from './circuit-breaker.ts'
import { Outliers } from './outliers.ts'
import { keyReader, type KeyedExchange, type ReadKey } from './pick-key.ts'
import { retryAfterMs } from './retry-after.ts'
import { RetryBudget } from './retry-budget.ts'

/** How long an endpoint is left out after a connection to it failed. */
const leaveOutMs = 5000
/** Of a circuit that is opened by hand where none is configured. */
const ordinaryCircuit = circuitSettings.parse({})
/** The turn of an attempt at an upstream without a circuit breaker. */
const withoutCircuit = 1

/** Discovery's word on one endpoint. */
export interface DiscoveredEndpoint {
  readonly id: string
  readonly url: string
  readonly weight: number
  readonly zone: string
  readonly priority: number
  readonly health: EndpointFacts['health']
}

/** What an operator has ordered of an upstream's endpoints past the configuration; by id or URL. */
export interface EndpointOrders {
  readonly isDrained: boolean
  readonly drained: ReadonlySet<string>
  readonly weights: ReadonlyMap<string, number>
}

/** What of the edge matters to its upstreams. */
export interface EdgePlace {
  /** Empty: none. */
  readonly zone: string
  readonly workers: number
}

const nowhere: EdgePlace = { zone: '', workers: 1 }

export class UpstreamState {
  readonly name: string
  settings: Upstream
  endpoints: UpstreamEndpoints
  readonly budget: RetryBudget
  readonly outliers = new Outliers()
  /** Undefined for an upstream without `circuitBreaker` that nobody holds open. */
  circuit: CircuitBreaker | undefined
  /** Only with `hedge.percentile`. */
  private answerTimes: AnswerTimes | undefined
  /** Whether something has failed since `UpstreamFindings` looked last. */
  hasFailed = false
  private readonly clock: Clock
  private readonly place: EdgePlace
  private readonly balancer: Balancer
  private readonly readKey: ReadKey | undefined
  private discovered: readonly DiscoveredEndpoint[] | undefined
  private held: HeldCircuit
  private orders: EndpointOrders | undefined

  constructor(name: string, settings: Upstream, balancer: Balancer, clock: Clock, place: EdgePlace = nowhere) {
    this.name = name
    this.settings = settings
    this.balancer = balancer
    this.clock = clock
    this.place = place
    this.readKey = keyReader(balancer.needsKey, settings.hashOn, balancer.cookieName)
    this.budget = new RetryBudget(settings.retries.budgetPercent)
    this.endpoints = createUpstreamEndpoints(name, this.facts(), undefined, 0, this.rules())
    this.useCircuit(settings)
    this.useAnswerTimes(settings)
  }

  /** New settings of the same balancer. */
  configure(settings: Upstream): void {
    this.settings = settings
    this.budget.percent = settings.retries.budgetPercent
    this.useCircuit(settings)
    this.useAnswerTimes(settings)
    this.refresh()
  }

  /** Answers whether an address came or went. */
  discover(endpoints: readonly DiscoveredEndpoint[]): boolean {
    const before = this.origins()
    this.discovered = endpoints
    this.refresh()
    return before.symmetricDifference(this.origins()).size > 0
  }

  /** Opens or closes the circuit by hand, one that is not configured as well. */
  hold(held: HeldCircuit): void {
    if (held === this.held) return
    this.held = held
    this.hasFailed = true
    this.useCircuit(this.settings)
  }

  /** Answers whether an address came or went. */
  obey(orders: EndpointOrders | undefined): boolean {
    if (orders === undefined && this.orders === undefined) return false
    const before = this.origins()
    this.orders = orders
    this.refresh()
    return before.symmetricDifference(this.origins()).size > 0
  }

  /** Of the endpoints that may be sent to. */
  origins(): Set<string> {
    const origins = new Set<string>()
    for (const { origin, health } of this.endpoints.byId.values()) if (health !== 'draining') origins.add(origin)
    return origins
  }

  /** Whether an attempt may be made now: its turn, to be told with its outcome, or `notAdmitted`. */
  admit(nowMs: number): number {
    return this.circuit === undefined ? withoutCircuit : this.circuit.admit(nowMs)
  }

  pick(nowMs: number, tried: ReadonlySet<string> | undefined, exchange: KeyedExchange): EndpointState | undefined {
    return this.balancer.pick(this.endpoints, nowMs, tried, this.readKey?.(exchange))
  }

  /** Whether endpoints are only missing because they have as many requests under way as they take. */
  isFull(): boolean {
    for (const { open, maxOpen, weight, health } of this.endpoints.byId.values()) if (open >= maxOpen && weight > 0 && health !== 'draining') return true
    return false
  }

  /** The `Set-Cookie` that leads the client back to the endpoint that answered; undefined when it needs none. */
  cookieFor(endpoint: EndpointState, exchange: KeyedExchange, secure: boolean): string | undefined {
    return this.balancer.cookieFor?.(endpoint, this.readKey?.(exchange), secure)
  }

  /** The head of a response has come, `ms` after the attempt began. Runs once an attempt. */
  noteAnswer(endpoint: EndpointState, status: number, headers: Pick<HeaderFields, 'get'>, ms: number, turn: number, nowMs: number): void {
    this.balancer.observe?.(endpoint, ms, status < 500, nowMs)
    this.answerTimes?.note(ms)
    if (status >= 500) this.hasFailed = true
    if (this.settings.health.passive) {
      this.outliers.noteAnswer(endpoint, status, this.endpoints, nowMs)
      if (status === 503) leaveOut(endpoint, nowMs + retryAfterMs(headers.get('retry-after'), this.clock.now()))
    }
    if (this.circuit === undefined) return
    if (status < 400) this.circuit.noteSuccess(turn, nowMs)
    else if (status < 500) this.circuit.noteRefusal(turn)
    else this.circuit.noteFailure(turn, nowMs)
  }

  /** The endpoint gave no answer, or broke one off. `unreachable`: it is left out for 5 s. */
  noteFailure(endpoint: EndpointState, unreachable: boolean, ms: number, turn: number, nowMs: number): void {
    this.balancer.observe?.(endpoint, ms, false, nowMs)
    this.hasFailed = true
    if (this.settings.health.passive) {
      this.outliers.noteFailure(endpoint, this.endpoints, nowMs)
      if (unreachable) leaveOut(endpoint, nowMs + leaveOutMs)
    }
    this.circuit?.noteFailure(turn, nowMs)
  }

  /** Another attempt of the same request was answered first: this one has taken at least so long. */
  noteOvertaken(endpoint: EndpointState, ms: number, nowMs: number): void {
    this.balancer.observe?.(endpoint, ms, true, nowMs)
    this.answerTimes?.note(ms)
  }

  /** How long an attempt is waited for before another one is made beside it; undefined: too little is known yet. */
  hedgeAfterMs(): number | undefined {
    const { hedge } = this.settings
    const percentile = hedgePercentile(hedge)
    const known = percentile === undefined ? undefined : this.answerTimes?.percentile(percentile)
    return known === undefined ? hedge?.afterMs : Math.max(known, hedge?.afterMs ?? 0)
  }

  /** The attempt is over, whatever came of it; without an outcome it counts for nothing. */
  release(turn: number): void {
    this.circuit?.release(turn)
  }

  /** An instance that registers says where it is, and the upstream's settings how it is spoken to. */
  private urlOf(url: string): string {
    return this.settings.tls === undefined ? url : url.replace(/^http:/, 'https:')
  }

  private useCircuit({ circuitBreaker }: Upstream): void {
    const settings = circuitBreaker ?? (this.held === 'open' ? ordinaryCircuit : undefined)
    if (settings === undefined) this.circuit = undefined
    else if (this.circuit === undefined) this.circuit = new CircuitBreaker(settings)
    else this.circuit.settings = settings
    this.circuit?.hold(this.held)
  }

  private useAnswerTimes({ hedge }: Upstream): void {
    if (hedgePercentile(hedge) === undefined) this.answerTimes = undefined
    else this.answerTimes ??= new AnswerTimes()
  }

  private refresh(): void {
    this.endpoints = createUpstreamEndpoints(this.name, this.facts(), this.endpoints, this.clock.monotonic(), this.rules())
  }

  private rules(): EndpointRules {
    const { limits, zones } = this.settings
    const zone = zones === 'prefer-local' ? this.place.zone : ''
    return limits.requestsPerEndpoint === undefined ? { zone } : { zone, maxOpen: Math.max(1, Math.floor(limits.requestsPerEndpoint / this.place.workers)) }
  }

  /** Static endpoints stand in the configuration and take their health from discovery; others come from there whole. */
  private facts(): EndpointFacts[] {
    const facts = this.unorderedFacts()
    const { orders } = this
    if (orders === undefined) return facts
    return facts.map((one) => {
      const isDrained = orders.isDrained || orders.drained.has(one.id) || orders.drained.has(one.url)
      return { ...one, weight: orders.weights.get(one.id) ?? orders.weights.get(one.url) ?? one.weight, health: isDrained ? 'draining' : one.health }
    })
  }

  private unorderedFacts(): EndpointFacts[] {
    if (this.settings.endpoints === undefined) return (this.discovered ?? []).map((endpoint) => ({ ...endpoint, url: this.urlOf(endpoint.url) }))
    const health = new Map(this.discovered?.map((endpoint) => [endpoint.url, endpoint.health]))
    return this.settings.endpoints.map(({ url, weight, priority, zone }) => ({
      id: url, url, weight, priority, zone: zone ?? '', health: health.get(url) ?? 'healthy',
    }))
  }
}

function hedgePercentile(hedge: Upstream['hedge']): number | undefined {
  if (hedge === undefined) return undefined
  return hedge.percentile ?? (hedge.afterMs === undefined ? 95 : undefined)
}
