import type { AnalyticsStore } from '@sluice/analytics-stores/analytics-store'
import { codeOf, SluiceError } from '@sluice/errors'
import type { UsageBatch } from '@sluice/proto/messages/analytics'
import type { Cell, MetricsRegistry } from '@sluice/service-kit'

/** How long the first batch of a group waits for others: each commit is a sync to disk. */
const gatherMs = 50
const groupBatches = 500
/** What may wait in memory, in rows of counts and events; each is some hundred bytes. */
const maxWaitingRows = 500_000

interface Waiting {
  readonly batch: UsageBatch
  readonly rows: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Takes batches and writes them to the store in groups, one group at a time. What it cannot hold it refuses: the edge has
 * it on disk and sends it again.
 */
export class Intake {
  readonly #store: AnalyticsStore
  readonly #outcomes: Readonly<Record<'stored' | 'refused' | 'failed', Cell>>
  #waiting: Waiting[] = []
  #waitingRows = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  readonly #onStoreAnswer: (error: unknown) => void

  /** `onStoreAnswer` is told how each write went; undefined: well. */
  constructor(store: AnalyticsStore, metrics: MetricsRegistry, onStoreAnswer: (error: unknown) => void) {
    this.#store = store
    this.#onStoreAnswer = onStoreAnswer
    const batches = metrics.counter('sluice_analytics_batches_total', 'Usage batches: stored, refused because they make no sense or too many wait, failed because of the store.', ['outcome'])
    this.#outcomes = { stored: batches.with('stored'), refused: batches.with('refused'), failed: batches.with('failed') }
    const waiting = metrics.gauge('sluice_analytics_waiting_batches', 'Usage batches that wait to be written.').with()
    metrics.onCollect(() => waiting.set(this.#waiting.length))
  }

  /**
   * Resolves once the batch is stored durably. Rejects with `dependency.analytics_unreachable` when too many wait, and
   * with the store's codes.
   */
  take(batch: UsageBatch): Promise<void> {
    const rows = batch.counts.length + batch.events.length + 1
    if (this.#waitingRows > 0 && this.#waitingRows + rows > maxWaitingRows) {
      this.#outcomes.refused.add(1)
      return Promise.reject(new SluiceError('dependency.analytics_unreachable', { detail: 'too many usage batches wait; keep this one and send it again' }))
    }
    this.#waitingRows += rows
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, rows, resolve, reject })
      this.#schedule()
    })
  }

  /** Writes what waits now. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#writing !== undefined) await (this.#writing ?? this.#startWriting())
  }

  #schedule(): void {
    if (this.#writing !== undefined) return
    if (this.#waiting.length >= groupBatches) void this.#startWriting()
    else this.#timer ??= setTimeout(() => void this.#startWriting(), gatherMs)
  }

  #startWriting(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#write(this.#waiting.splice(0, groupBatches)).finally(() => {
      this.#writing = undefined
      if (this.#waiting.length > 0) this.#schedule()
    })
    return this.#writing
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#store.append(group.map(({ batch }) => batch))
      this.#onStoreAnswer(undefined)
      for (const waiting of group) this.#settle(waiting)
    } catch (error) {
      // One batch that makes no sense must not fail those beside it.
      if (codeOf(error) === 'client.bad_request' && group.length > 1) for (const waiting of group) await this.#write([waiting])
      else for (const waiting of group) this.#settle(waiting, error)
    }
  }

  #settle({ rows, resolve, reject }: Waiting, error?: unknown): void {
    this.#waitingRows -= rows
    if (error === undefined) {
      this.#outcomes.stored.add(1)
      return resolve()
    }
    const isRefused = codeOf(error) === 'client.bad_request'
    if (!isRefused) this.#onStoreAnswer(error)
    this.#outcomes[isRefused ? 'refused' : 'failed'].add(1)
    reject(error)
  }
}
