/** Watching the head of a store that others write to as well: the line is read on, from where it was. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RevisionRecord } from './config-store.ts'

const POLL_MS = 1000

/** Where a tail reads. Both may reject; then they are asked again. */
export interface HeadSource {
  head(): Promise<RevisionRecord | undefined>
  /** Some of the revisions after `revision`, upwards and without a gap. */
  after(revision: number): Promise<readonly RevisionRecord[]>
}

/**
 * Reads on, each second and when poked, and tells of the revisions without a gap. Begins with the head that stands.
 * While the store cannot be read it goes on trying; nothing is left out meanwhile.
 */
class HeadTail {
  readonly #source: HeadSource
  readonly #onHead: (head: RevisionRecord) => void
  readonly #stopped = new AbortController()
  #poke = Promise.withResolvers<void>()
  #last: number | undefined

  constructor(source: HeadSource, onHead: (head: RevisionRecord) => void) {
    this.#source = source
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

  async #next(): Promise<readonly RevisionRecord[]> {
    if (this.#last === undefined) {
      const head = await this.#source.head()
      if (head) return [head]
      this.#last = 0
    }
    return this.#source.after(this.#last)
  }

  /** In a microtask: a watcher that throws is the process's uncaught exception, and not the end of watching. */
  #tell(record: RevisionRecord): void {
    this.#last = record.revision
    queueMicrotask(() => {
      if (!this.#stopped.signal.aborted) this.#onHead(record)
    })
  }
}

/** The tails of one store, by scope. */
export class HeadTails {
  readonly #tails = new Map<HeadTail, string>()

  add(scope: string, source: HeadSource, onHead: (head: RevisionRecord) => void): { stop(): void } {
    const tail = new HeadTail(source, onHead)
    this.#tails.set(tail, scope)
    const stop = () => {
      tail.stop()
      this.#tails.delete(tail)
    }
    return { stop }
  }

  /** There is something new in the scope: it is read at once. */
  poke(scope: string): void {
    for (const [tail, of] of this.#tails) if (of === scope) tail.poke()
  }

  stop(): void {
    for (const tail of this.#tails.keys()) tail.stop()
    this.#tails.clear()
  }
}
