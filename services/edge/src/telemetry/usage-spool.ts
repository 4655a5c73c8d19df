/**
 * Usage on its way from the workers to analytics, in the host agent. Each part is on disk within about 100 ms of its
 * exchanges (killing the process loses no more), and synced each second (nor does a power cut lose more than that). About
 * each second what came in becomes one numbered batch, sent until analytics has stored it. What an earlier boot left is
 * sent first, under its own name. While analytics or the bus is away files gather; above `maxBytes` events are dropped
 * and counted, counts never.
 */
import { randomUUID } from 'node:crypto'
import type { Bus, Subscription } from '@sluice/buses/bus'
import { oncePerMinute, type Clock, type Logger, type MetricsRegistry } from '@sluice/service-kit'
import { listSpool } from './spool-directory.ts'
import { encodeRows, type RowsRecord } from './spool-file.ts'
import { SpoolSender } from './spool-sender.ts'
import { SpoolWriter } from './spool-writer.ts'
import type { UsagePart } from './usage-part.ts'
import { UsageRows } from './usage-rows.ts'

export interface UsageSpoolParts {
  readonly bus: Bus
  readonly scope: string
  /** The edge's name. */
  readonly edge: string
  /** Of this spool alone; one host agent at a time. */
  readonly directory: string
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics?: MetricsRegistry
  /** On disk, beyond which events are dropped [10^9]. */
  readonly maxBytes?: number
  /** Between two batches [1000]. */
  readonly batchMs?: number
  /** Between two empty batches, which say that there was nothing [5000]. */
  readonly idleMs?: number
}

/** Workers deliver within 100 ms; a batch promises to be complete only up to this long ago. */
const deliveryMs = 500

export class UsageSpool {
  /** A new value at each start. */
  readonly boot = randomUUID()
  readonly #parts: UsageSpoolParts
  readonly #writer: SpoolWriter
  readonly #sender: SpoolSender
  readonly #onTrouble: (what: string) => void
  #rows = new UsageRows()
  #records: RowsRecord[] = []
  #writing: Promise<void> | undefined
  #wasIdle = false
  #completedAt = 0
  #timer: NodeJS.Timeout | undefined
  #reconnects: Subscription | undefined

  constructor(parts: UsageSpoolParts) {
    const { bus, scope, edge, directory, logger, metrics } = parts
    this.#parts = parts
    this.#onTrouble = oncePerMinute((what, times) => logger.error({ times }, what))
    const sent = metrics?.counter('sluice_usage_batches_sent_total', 'Usage batches that analytics has stored.').with()
    this.#sender = new SpoolSender({ bus, scope, edge, boot: this.boot, logger, onTrouble: this.#onTrouble, onSent: () => sent?.add(1) })
    this.#writer = new SpoolWriter({ scope, edge, boot: this.boot, directory, onComplete: (entry) => this.#sender.add(entry) })
    if (metrics !== undefined) this.#showBacklog(metrics)
  }

  /** Reads what earlier boots left and begins to send. Rejects when the directory cannot be used. */
  async start(): Promise<void> {
    for (const entry of await listSpool(this.#parts.directory, { except: this.boot })) this.#sender.add(entry)
    this.#completedAt = this.#parts.clock.monotonic()
    this.#reconnects = this.#parts.bus.onStatus((status) => {
      if (status === 'connected') this.#sender.retryNow()
    })
    this.#timer = setInterval(() => void this.#completeBatch(), this.#parts.batchMs ?? 1000).unref()
  }

  /** Takes a worker's part; it is written soon after. Never throws. */
  add(part: UsagePart): void {
    this.#rows.add(part)
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
  }

  /** Completes what was added, waits at most `deadlineMs` [2000] for it to be sent, and leaves the rest on disk. */
  async stop({ deadlineMs = 2000 }: { deadlineMs?: number } = {}): Promise<void> {
    clearInterval(this.#timer)
    await this.#completeBatch()
    const timeout = Promise.withResolvers<void>()
    const timer = setTimeout(timeout.resolve, deadlineMs)
    await Promise.race([this.#sender.sent(), timeout.promise])
    clearTimeout(timer)
    this.#reconnects?.unsubscribe()
    this.#sender.stop()
  }

  /** Writes what was added, and what is added meanwhile. What cannot be written is kept for the next time. */
  async #write(): Promise<void> {
    try {
      while (this.#records.length > 0 || !this.#rows.isEmpty) {
        if (this.#records.length === 0) this.#encode()
        await this.#writer.append(this.#records[0]!)
        this.#records.shift()
        if (this.#writer.isFull) await this.#writer.complete(this.#completeUntil())
      }
    } catch (error) {
      this.#onTrouble(`usage cannot be written to the spool: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #encode(): void {
    const { maxBytes = 1e9 } = this.#parts
    if (this.#sender.unsentBytes + this.#writer.openBytes > maxBytes) this.#rows.dropEvents()
    this.#records = encodeRows(this.#rows)
    this.#rows = new UsageRows()
  }

  async #completeBatch(): Promise<void> {
    await this.#writing
    const now = this.#parts.clock.monotonic()
    // After traffic one empty batch follows at once: it says until when there was nothing more.
    const isDue = this.#writer.openBytes > 0 || !this.#wasIdle || now - this.#completedAt >= (this.#parts.idleMs ?? 5000)
    this.#writing ??= (isDue ? this.#writeAndComplete(now) : this.#write()).finally(() => (this.#writing = undefined))
    await this.#writing
  }

  async #writeAndComplete(now: number): Promise<void> {
    await this.#write()
    const isEmpty = this.#writer.openBytes === 0
    try {
      await this.#writer.complete(this.#completeUntil())
      this.#wasIdle = isEmpty
      this.#completedAt = now
    } catch (error) {
      this.#onTrouble(`a usage batch cannot be completed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #completeUntil(): number {
    return this.#parts.clock.now() - deliveryMs
  }

  #showBacklog(metrics: MetricsRegistry): void {
    const bytes = metrics.gauge('sluice_usage_spool_bytes', 'Usage on disk that analytics has not stored yet.').with()
    const batches = metrics.gauge('sluice_usage_unsent_batches', 'Usage batches that analytics has not stored yet.').with()
    metrics.onCollect(() => {
      bytes.set(this.#sender.unsentBytes + this.#writer.openBytes)
      batches.set(this.#sender.unsentBatches)
    })
  }
}
