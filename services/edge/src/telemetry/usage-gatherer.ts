import type { FinishedExchange } from './finished-exchange.ts'
import { EventSample } from './event-sample.ts'
import type { AccessEventRow, UsageCountRow, UsagePart } from './usage-part.ts'

const hourMs = 3_600_000

interface Row extends UsageCountRow {
  /** The next row of the same route and consumer: there are few statuses. */
  next: Row | undefined
}

/**
 * Adds up finished exchanges by hour, consumer, route, status and whether a policy refused them, and samples events.
 * What it holds is bounded by the exchanges between two calls of `collect`.
 */
export class UsageGatherer {
  readonly #sample: EventSample
  #hour = 0
  #firstAtMs = 0
  #lastAtMs = 0
  #rows: Row[] = []
  #routes = new Map<string, Map<string, Row>>()
  #events: AccessEventRow[] = []
  #dropped = 0

  constructor(eventsPerSecond: number) {
    this.#sample = new EventSample(eventsPerSecond)
  }

  /** `nowMs` is the wall clock: an exchange counts in the hour in which it ended. */
  add(exchange: FinishedExchange, nowMs: number): void {
    if (nowMs < this.#hour || nowMs >= this.#hour + hourMs) this.#enterHour(nowMs)
    if (this.#rows.length === 0) this.#firstAtMs = nowMs
    this.#lastAtMs = nowMs
    const row = this.#row(exchange)
    row.requests++
    row.bytesIn += exchange.bytesIn
    row.bytesOut += exchange.bytesOut
    if (this.#sample.admits(exchange.status, nowMs)) this.#events.push(eventOf(exchange))
    else this.#dropped++
  }

  /** What was gathered since the last call, undefined when there was nothing. */
  collect(): UsagePart | undefined {
    if (this.#rows.length === 0) return undefined
    const counts = this.#rows.map(({ next: _next, ...row }) => row)
    const part = { firstAtMs: this.#firstAtMs, lastAtMs: this.#lastAtMs, counts, events: this.#events, droppedEvents: this.#dropped }
    this.#rows = []
    this.#routes = new Map()
    this.#events = []
    this.#dropped = 0
    return part
  }

  #enterHour(nowMs: number): void {
    this.#hour = Math.floor(nowMs / hourMs) * hourMs
    // Rows of the hour before stay in the list; new ones are begun.
    this.#routes = new Map()
  }

  #row({ route = '', consumer = '', status, refused }: FinishedExchange): Row {
    let consumers = this.#routes.get(route)
    if (consumers === undefined) this.#routes.set(route, (consumers = new Map()))
    const first = consumers.get(consumer)
    for (let row = first; row !== undefined; row = row.next) if (row.status === status && row.refused === refused) return row
    const row: Row = { hourMs: this.#hour, consumer, route, status, refused, requests: 0, bytesIn: 0, bytesOut: 0, next: first }
    consumers.set(consumer, row)
    this.#rows.push(row)
    return row
  }
}

function eventOf(exchange: FinishedExchange): AccessEventRow {
  return {
    atMs: exchange.startedAtMs,
    requestId: exchange.requestId,
    route: exchange.route ?? '',
    upstream: exchange.upstream ?? '',
    endpoint: exchange.endpoint ?? '',
    consumer: exchange.consumer ?? '',
    method: exchange.method,
    template: exchange.template,
    status: exchange.status,
    reason: exchange.reason ?? '',
    bytesIn: exchange.bytesIn,
    bytesOut: exchange.bytesOut,
    totalMs: exchange.totalMs,
    gatewayMs: exchange.gatewayMs,
    upstreamMs: exchange.upstreamMs ?? 0,
    revision: exchange.revision,
  }
}
