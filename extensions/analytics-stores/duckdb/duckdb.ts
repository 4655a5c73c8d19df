import type { DuckDBConnection } from '@duckdb/node-api'
import { SluiceError } from '@sluice/errors'
import type { UsageBatch } from '@sluice/proto/messages/analytics'
import type { z } from 'zod'
import type { AnalyticsStore, RouteItem, StoreParts, UsageItem } from '../analytics-store.ts'
import { readSettings } from '../settings.ts'
import { checkBatch } from './check-batch.ts'
import { openDatabase, type Database } from './database.ts'
import { Ledger } from './ledger.ts'
import { queryTopRoutes, queryUsage, queryWatermark, type Span } from './queries.ts'
import { schema, type DuckdbSettings } from './schema.ts'
import { trim } from './trim.ts'
import { Turns } from './turns.ts'
import { writeBatches } from './write-batches.ts'

/** Batches written in one transaction at most: each commit is a sync to disk, shared by all that wait. */
const BATCHES_A_COMMIT = 512
/** Queries that may wait. */
const MAX_WAITING_QUERIES = 100

/**
 * The analytics store of one DuckDB file, open in this process alone until `close`. Nothing is opened, and DuckDB not
 * loaded, before the first call; a file that cannot be opened rejects that call, and the next one tries again.
 * Throws `config.invalid` for wrong settings.
 */
export async function createDuckdbAnalyticsStore(settings: DuckdbSettings, parts: StoreParts = {}): Promise<AnalyticsStore> {
  return new DuckdbAnalyticsStore(readSettings(schema, settings), parts)
}

export { createDuckdbAnalyticsStore as create }

type Settings = z.output<typeof schema.settings>

interface Waiting {
  readonly batches: readonly UsageBatch[]
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

class DuckdbAnalyticsStore implements AnalyticsStore {
  readonly #settings: Settings
  readonly #now: () => number
  readonly #onWarning: (message: string) => void
  readonly #turns = new Turns(MAX_WAITING_QUERIES)
  readonly #ledger = new Ledger()
  readonly #trimming: NodeJS.Timeout
  #waiting: Waiting[] = []
  #waitingBatches = 0
  #database: Database | undefined
  #trimmedAtMs = 0
  #closed = false

  constructor(settings: Settings, parts: StoreParts) {
    this.#settings = settings
    this.#now = () => (parts.clock ?? Date).now()
    this.#onWarning = parts.onWarning ?? (() => {})
    // Also without traffic, old records have to go; an idle process must be able to end all the same.
    this.#trimming = setInterval(() => void this.#trimQuietly(), settings.trimEverySeconds * 1000).unref()
  }

  async append(batches: readonly UsageBatch[]): Promise<void> {
    for (const batch of batches) checkBatch(batch)
    if (batches.length === 0) return
    if (this.#closed) throw closed()
    if (this.#waitingBatches > 0 && this.#waitingBatches + batches.length > this.#settings.maxWaitingBatches) {
      throw new SluiceError('dependency.store_unreachable', { detail: 'too many batches wait to be written; keep them and send them again' })
    }
    const written = new Promise<void>((resolve, reject) => this.#waiting.push({ batches, resolve, reject }))
    this.#waitingBatches += batches.length
    if (this.#waiting.length === 1) void this.#turns.take(() => this.#writeWaiting(), { always: true })
    return written
  }

  storedSequence(scope: string, edge: string, boot: string): Promise<number> {
    return this.#query(async (connection) => (await this.#ledger.boot(connection, { scope, edge, boot })).storedSequence)
  }

  usage(scope: string, fromMs: number, toMs: number): Promise<{ items: UsageItem[]; watermarkMs: number }> {
    return this.#querySpan({ scope, fromMs, toMs }, queryUsage)
  }

  topRoutes(scope: string, fromMs: number, toMs: number, limit: number): Promise<{ items: RouteItem[]; watermarkMs: number }> {
    return this.#querySpan({ scope, fromMs, toMs }, (connection, span) => queryTopRoutes(connection, span, limit))
  }

  /** Writes what waits, then closes. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#trimming)
    await this.#turns.take(async () => this.#discard(), { always: true })
  }

  #querySpan<T>(span: Span, query: (connection: DuckDBConnection, span: Span) => Promise<T>): Promise<{ items: T; watermarkMs: number }> {
    return this.#query(async (connection) => {
      // The watermark first: what arrives in between is then in the items, and not yet promised.
      const watermarkMs = await queryWatermark(connection, span.scope, this.#now())
      return { items: await query(connection, span), watermarkMs }
    })
  }

  async #query<T>(query: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    if (this.#closed) throw closed()
    return this.#turns.take(async () => {
      const { connection } = await this.#open()
      const { queryTimeoutMs } = this.#settings
      let isBrokenOff = false
      // Again and again: an interrupt that falls between two statements stops neither.
      const timer = setInterval(() => {
        isBrokenOff = true
        connection.interrupt()
      }, queryTimeoutMs)
      try {
        return await query(connection)
      } catch (error) {
        throw asUnreachable(error, isBrokenOff ? `a query took longer than ${queryTimeoutMs} ms` : undefined)
      } finally {
        clearInterval(timer)
      }
    })
  }

  /** Writes the appends that wait, as many as one commit takes, and takes another turn for the rest. */
  async #writeWaiting(): Promise<void> {
    const group = this.#takeGroup()
    // When they fail together each is tried alone, so that one that cannot be stored does not hold up the others.
    if (!(await this.#write(group, group.length === 1))) for (const waiting of group) await this.#write([waiting], true)
    this.#ledger.trim()
    if (this.#waiting.length > 0) void this.#turns.take(() => this.#writeWaiting(), { always: true })
    if (this.#now() - this.#trimmedAtMs >= this.#settings.trimEverySeconds * 1000) void this.#trimQuietly()
  }

  async #write(group: readonly Waiting[], isLastTry: boolean): Promise<boolean> {
    try {
      const { connection } = await this.#open()
      await writeBatches(connection, this.#ledger, group.flatMap((waiting) => waiting.batches), this.#now())
      for (const waiting of group) waiting.resolve()
      return true
    } catch (error) {
      await this.#rollBack()
      if (isLastTry) for (const waiting of group) waiting.reject(asUnreachable(error))
      return false
    }
  }

  #takeGroup(): Waiting[] {
    let count = 0
    const end = this.#waiting.findIndex(({ batches }, index) => (count += batches.length) > BATCHES_A_COMMIT && index > 0)
    const group = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
    for (const { batches } of group) this.#waitingBatches -= batches.length
    return group
  }

  async #trimQuietly(): Promise<void> {
    if (this.#closed || this.#database === undefined) return
    this.#trimmedAtMs = this.#now()
    try {
      await this.#turns.take(async () => this.#database && (await trim(this.#database.connection, this.#settings, this.#now())))
    } catch (error) {
      this.#onWarning(`old analytics records could not be deleted: ${messageOf(error)}`)
    }
  }

  async #open(): Promise<Database> {
    this.#database ??= await openDatabase(this.#settings)
    return this.#database
  }

  async #rollBack(): Promise<void> {
    this.#ledger.forget()
    try {
      await this.#database?.connection.run('ROLLBACK')
    } catch {
      // The commit failed, or the disk: a new connection starts from what is on disk.
      this.#discard()
    }
  }

  #discard(): void {
    this.#ledger.forget()
    const database = this.#database
    this.#database = undefined
    try {
      database?.close()
    } catch (error) {
      this.#onWarning(`the analytics store could not be closed in order: ${messageOf(error)}`)
    }
  }
}

function closed(): SluiceError {
  return new SluiceError('dependency.store_unreachable', { detail: 'the store is closed' })
}

function asUnreachable(error: unknown, detail?: string): SluiceError {
  return error instanceof SluiceError ? error : new SluiceError('dependency.store_unreachable', { cause: error, ...(detail !== undefined && { detail }) })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
