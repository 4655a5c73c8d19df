/**
 * How many requests are open under a key, on all workers of the edge together: counted in the parent, which knows when
 * a worker ends, so that nothing stays counted of one that crashed. Asked in batches, as the counters of the parent are.
 */

/** What one turn of a worker's event loop had to say, in its order. */
export interface OpenRequestsMessage {
  readonly kind: 'open-requests'
  readonly changes: readonly OpenChange[]
}

export interface OpenChange {
  readonly key: string
  /** A request wants in and asks for an answer under this id; 0: one is over. */
  readonly id: number
  readonly limit: number
}

export interface EnterReply {
  readonly id: number
  readonly open: number
  readonly entered: boolean
}

/** The parent's side. Holds no more keys than there are open requests. */
export class OpenRequests {
  private readonly keys = new Map<string, { total: number; byWorker: Map<number, number> }>()

  get size(): number {
    return this.keys.size
  }

  /** Applies a worker's changes; answers those that ask. */
  apply(worker: number, changes: readonly OpenChange[]): EnterReply[] {
    const replies: EnterReply[] = []
    for (const { key, id, limit } of changes) {
      if (id === 0) this.leave(worker, key)
      else replies.push({ id, ...this.enter(worker, key, limit) })
    }
    return replies
  }

  /** The worker ended, and its requests with it. */
  forget(worker: number): void {
    for (const [key, { byWorker }] of this.keys) this.take(worker, key, byWorker.get(worker) ?? 0)
  }

  private enter(worker: number, key: string, limit: number): { open: number; entered: boolean } {
    const known = this.keys.get(key)
    if (known !== undefined && known.total >= limit) return { open: known.total, entered: false }
    const count = known ?? { total: 0, byWorker: new Map<number, number>() }
    count.total++
    count.byWorker.set(worker, (count.byWorker.get(worker) ?? 0) + 1)
    this.keys.set(key, count)
    return { open: count.total, entered: true }
  }

  private leave(worker: number, key: string): void {
    const mine = this.keys.get(key)?.byWorker.get(worker) ?? 0
    if (mine > 0) this.take(worker, key, 1)
  }

  private take(worker: number, key: string, requests: number): void {
    const count = this.keys.get(key)
    if (count === undefined) return
    const left = (count.byWorker.get(worker) ?? 0) - requests
    if (left > 0) count.byWorker.set(worker, left)
    else count.byWorker.delete(worker)
    count.total -= requests
    if (count.total === 0) this.keys.delete(key)
  }
}
