import { setTimeout as sleep } from 'node:timers/promises'
import type { RevisionRecord } from '../config-store.ts'
import type { RevisionLog } from './revision-log.ts'

const POLL_MS = 1000
const PAGE = 100

/**
 * Reads the log on, each second and when poked, and tells of the revisions without a gap. Begins with the head that
 * stands. While the store cannot be read it goes on trying; nothing is left out meanwhile.
 */
export class HeadTail {
  readonly #log: RevisionLog
  readonly #scope: string
  readonly #onHead: (head: RevisionRecord) => void
  readonly #stopped = new AbortController()
  #poke = Promise.withResolvers<void>()
  #last: number | undefined

  constructor(log: RevisionLog, scope: string, onHead: (head: RevisionRecord) => void) {
    this.#log = log
    this.#scope = scope
    this.#onHead = onHead
    void this.#run()
  }

  poke(): void {
    this.#poke.resolve()
  }

  stop(): void {
    this.#stopped.abort()
    this.poke()
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const poked = this.#poke.promise
      const records = await this.#next().catch(() => [])
      for (const record of records) this.#tell(record)
      if (records.length > 0) continue
      await Promise.race([poked, sleep(POLL_MS, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {})])
      this.#poke = Promise.withResolvers()
    }
  }

  async #next(): Promise<RevisionRecord[]> {
    if (this.#last === undefined) {
      const head = await this.#log.head(this.#scope)
      if (head) return [head.record]
      this.#last = 0
    }
    const heard = contiguous(this.#last, await this.#log.after(this.#scope, this.#last, PAGE))
    if (heard.gap === false || heard.records.length > 0) return heard.records
    // Another datacenter's revisions can arrive out of order; what is missing is asked of all.
    return contiguous(this.#last, await this.#log.after(this.#scope, this.#last, PAGE, { serial: true })).records
  }

  /** In a microtask: a watcher that throws is the process's uncaught exception, and not the end of watching. */
  #tell(record: RevisionRecord): void {
    this.#last = record.revision
    queueMicrotask(() => {
      if (!this.#stopped.signal.aborted) this.#onHead(record)
    })
  }
}

function contiguous(last: number, records: readonly RevisionRecord[]): { records: RevisionRecord[]; gap: boolean } {
  const end = records.findIndex((record, index) => record.revision !== last + 1 + index)
  return end === -1 ? { records: [...records], gap: false } : { records: records.slice(0, end), gap: true }
}
