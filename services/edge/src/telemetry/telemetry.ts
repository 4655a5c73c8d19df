/**
 * What runs last for each exchange, in each worker: the access record, the metrics, and the usage for analytics. All
 * three are plain additions in memory; what they come to leaves about every 100 ms, so a worker that is killed loses
 * at most that much.
 */
import type { LogExporter } from '@sluice/log-exporters/log-exporter'
import type { Cell, Clock, MetricsRegistry } from '@sluice/service-kit'
import { AccessLog } from './access-log.ts'
import type { FinishedExchange } from './finished-exchange.ts'
import { RequestMetrics } from './request-metrics.ts'
import { UsageGatherer } from './usage-gatherer.ts'
import type { UsagePart } from './usage-part.ts'

export interface TelemetryParts {
  readonly metrics: MetricsRegistry
  /** Where access records go; none are made without one. */
  readonly exporter?: LogExporter | undefined
  readonly clock: Clock
  /** Takes what was gathered; the host agent's `UsageSpool.add` at the end. */
  readonly onUsage: (part: UsagePart) => void
  /** Events a second at most, of good answers and of errors each; the rest is only counted [1000]. */
  readonly eventsPerSecond?: number
}

export interface Telemetry {
  /** Takes an exchange that has ended; keeps nothing of the object. Under 2 µs, see README.md. */
  record(exchange: FinishedExchange): void
  /** Open client connections of this worker; set by the listener. */
  readonly connectionsActive: Cell
  /** The revision that this worker runs; set by the snapshot room. */
  readonly configRevision: Cell
  /** Goes over to another exporter, or none; the old one is flushed and closed. */
  useExporter(exporter: LogExporter | undefined): Promise<void>
  /** Hands on what was gathered now, and resolves when access records are with the operating system. */
  flush(): Promise<void>
  /** Flushes, closes the exporter, and records no more. */
  stop(): Promise<void>
}

const gatherMs = 100

/** Runs nothing and holds no timer until the first exchange is recorded. */
export function createTelemetry(parts: TelemetryParts): Telemetry {
  return new WorkerTelemetry(parts)
}

class WorkerTelemetry implements Telemetry {
  readonly connectionsActive: Cell
  readonly configRevision: Cell
  readonly #metrics: RequestMetrics
  readonly #usage: UsageGatherer
  readonly #onUsage: (part: UsagePart) => void
  readonly #clock: Clock
  readonly #lines: { written: Cell; dropped: Cell }
  readonly #droppedEvents: Cell
  #log: AccessLog | undefined
  #counted = { written: 0, dropped: 0 }
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor({ metrics, exporter, clock, onUsage, eventsPerSecond = 1000 }: TelemetryParts) {
    this.#metrics = new RequestMetrics(metrics)
    this.#usage = new UsageGatherer(eventsPerSecond)
    this.#onUsage = onUsage
    this.#clock = clock
    this.#log = exporter === undefined ? undefined : new AccessLog(exporter)
    this.connectionsActive = metrics.gauge('sluice_connections_active', 'Open client connections.').with()
    this.configRevision = metrics.gauge('sluice_config_revision', 'The configuration that all workers run at least.', [], 'min').with()
    const lines = metrics.counter('sluice_access_log_lines_total', 'Access records, written or dropped because their destination was too slow or away.', ['outcome'])
    this.#lines = { written: lines.with('written'), dropped: lines.with('dropped') }
    this.#droppedEvents = metrics.counter('sluice_usage_events_dropped_total', 'Exchanges that analytics has counted but has no event of.').with()
    metrics.onCollect(() => this.#countLines())
  }

  record(exchange: FinishedExchange): void {
    if (this.#isStopped) return
    this.#metrics.record(exchange)
    this.#usage.add(exchange, this.#clock.now())
    this.#log?.add(exchange)
    this.#timer ??= setTimeout(() => this.#handOn(), gatherMs).unref()
  }

  async useExporter(exporter: LogExporter | undefined): Promise<void> {
    const before = this.#log
    before?.flush()
    this.#countLines()
    this.#log = exporter === undefined ? undefined : new AccessLog(exporter)
    this.#counted = { written: 0, dropped: 0 }
    if (before !== undefined) await this.#closeLog(before)
  }

  async flush(): Promise<void> {
    this.#handOn()
    await this.#log?.exporter.flush()
  }

  async stop(): Promise<void> {
    this.#handOn()
    this.#isStopped = true
    await this.#log?.exporter.close()
    this.#countLines()
  }

  #handOn(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#log?.flush()
    const part = this.#usage.collect()
    if (part === undefined) return
    this.#droppedEvents.add(part.droppedEvents)
    this.#onUsage(part)
  }

  async #closeLog({ exporter }: AccessLog): Promise<void> {
    const { written, dropped } = exporter.counts
    await exporter.close()
    this.#lines.written.add(exporter.counts.written - written)
    this.#lines.dropped.add(exporter.counts.dropped - dropped)
  }

  #countLines(): void {
    if (this.#log === undefined) return
    const { written, dropped } = this.#log.exporter.counts
    this.#lines.written.add(written - this.#counted.written)
    this.#lines.dropped.add(dropped - this.#counted.dropped)
    this.#counted = { written, dropped }
  }
}
