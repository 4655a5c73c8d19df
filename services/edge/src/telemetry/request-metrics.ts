import type { Cell, Family, HistogramCell, MetricsRegistry } from '@sluice/service-kit'
import type { FinishedExchange } from './finished-exchange.ts'
import { phaseNames } from './phases.ts'

const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const gatewayBounds = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

/** Other methods share a label: a client can invent any number of them. */
const methods = new Map(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other'].map((name, index) => [name, index]))
const methodNames = [...methods.keys()]
const otherMethod = methods.get('other')!

/** Routes, and upstreams, with cells of their own; further ones share those of `other`. */
const maxNames = 5000

interface RouteCells {
  readonly name: string
  readonly durations: HistogramCell
  readonly limitRefused: Cell
  readonly limitWouldRefuse: Cell
  /** By method and status. */
  readonly requests: Map<number, Cell>
}

/** The metrics of finished exchanges. Each route's and upstream's cells are fetched once and kept. */
export class RequestMetrics {
  readonly #requests: Family<Cell>
  readonly #durations: Family<HistogramCell>
  readonly #upstreams: Family<HistogramCell>
  readonly #limitRefused: Family<Cell>
  readonly #limitWouldRefuse: Family<Cell>
  readonly #wouldEnd: Family<Cell>
  readonly #cached: Family<Cell>
  readonly #gatewayTotal: HistogramCell
  readonly #phases: readonly HistogramCell[]
  readonly #cellsByRoute = new Map<string, RouteCells>()
  readonly #cellsByUpstream = new Map<string, HistogramCell>()

  constructor(metrics: MetricsRegistry) {
    this.#requests = metrics.counter('sluice_requests_total', 'Finished exchanges; an empty route is none.', ['route', 'method', 'status'])
    this.#durations = metrics.histogram('sluice_request_duration_seconds', 'From the head of the request to the end of the response.', durationBounds, ['route'])
    this.#upstreams = metrics.histogram('sluice_upstream_duration_seconds', 'Spent waiting for the upstream, all attempts together.', durationBounds, ['upstream'])
    this.#limitRefused = metrics.counter('sluice_limit_refused_total', 'Exchanges refused because a limit was spent.', ['route'])
    this.#limitWouldRefuse = metrics.counter('sluice_limit_would_refuse_total', 'Exchanges that a limit in shadow would have refused.', ['route'])
    this.#wouldEnd = metrics.counter('sluice_policy_would_refuse_total', 'Exchanges that a policy in shadow would have ended, by its name and the code, the status of its answer, or what a cache would have said.', ['route', 'policy', 'outcome'])
    this.#cached = metrics.counter('sluice_cache_requests_total', 'Exchanges on routes with the policy `cache`, by what the cache made of them.', ['status'])
    const gateway = metrics.histogram('sluice_gateway_duration_seconds', 'Spent in the gateway itself, by phase; `total` is all of it.', gatewayBounds, ['phase'])
    this.#gatewayTotal = gateway.with('total')
    this.#phases = phaseNames.map((name) => gateway.with(name))
  }

  record(exchange: FinishedExchange): void {
    const cells = this.#routeCells(exchange.route ?? '')
    const method = methods.get(exchange.method) ?? otherMethod
    const key = exchange.status * methodNames.length + method
    const requests = cells.requests.get(key) ?? this.#addRequests(cells, key, method, exchange.status)
    requests.value++
    cells.durations.observe(exchange.totalMs / 1000)
    this.#gatewayTotal.observe(exchange.gatewayMs / 1000)
    if (exchange.reason === 'policy.limit_exceeded' || exchange.reason === 'policy.quota_spent') cells.limitRefused.value++
    if (exchange.limit === 'would_refuse') cells.limitWouldRefuse.value++
    if (exchange.cache !== undefined) this.#cached.with(exchange.cache).value++
    if (exchange.shadow !== undefined) this.#noteShadow(cells.name, exchange.shadow)
    if (exchange.upstreamMs !== undefined) this.#upstreamCell(exchange.upstream ?? '').observe(exchange.upstreamMs / 1000)
    if (exchange.phases !== undefined) this.#recordPhases(exchange.phases)
  }

  #noteShadow(route: string, decision: string): void {
    const colon = decision.indexOf(':')
    this.#wouldEnd.with(route, decision.slice(0, colon), decision.slice(colon + 1)).value++
  }

  #recordPhases(phases: Float64Array): void {
    for (let index = 0; index < this.#phases.length; index++) {
      const ms = phases[index]!
      if (ms > 0) this.#phases[index]!.observe(ms / 1000)
    }
  }

  #routeCells(route: string): RouteCells {
    return this.#cellsByRoute.get(route) ?? this.#addRoute(route)
  }

  #addRoute(route: string): RouteCells {
    const name = this.#cellsByRoute.size < maxNames ? route : 'other'
    const known = this.#cellsByRoute.get(name)
    if (known !== undefined) return known
    const cells = { name, durations: this.#durations.with(name), limitRefused: this.#limitRefused.with(name), limitWouldRefuse: this.#limitWouldRefuse.with(name), requests: new Map<number, Cell>() }
    this.#cellsByRoute.set(name, cells)
    return cells
  }

  #addRequests(cells: RouteCells, key: number, method: number, status: number): Cell {
    const cell = this.#requests.with(cells.name, methodNames[method]!, String(status))
    cells.requests.set(key, cell)
    return cell
  }

  #upstreamCell(upstream: string): HistogramCell {
    const known = this.#cellsByUpstream.get(upstream)
    if (known !== undefined) return known
    const name = this.#cellsByUpstream.size < maxNames ? upstream : 'other'
    const cell = this.#upstreams.with(name)
    this.#cellsByUpstream.set(name, cell)
    return cell
  }
}
