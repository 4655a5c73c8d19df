import type { OpenLimit, OpenVerdict } from '@sluice/policies/policy'

export interface AddressLimit {
  readonly limit: OpenLimit
  /** Slots of an address that a worker may keep for its next connection; all workers together hold back a quarter of the limit at most. */
  readonly spare: number
}

/** For so long a slot waits for the next connection. */
const keptMs = 1000

const admitted: OpenVerdict = { admitted: true, counted: true, remaining: 0 }

/**
 * The connections of each address, as the host agent counts them for all workers. Asking it costs as much as a connection
 * itself, so a slot that becomes free is kept for a moment: a client that opens one connection after the other is asked
 * about once. There are never more connections than the limit; within that moment it may be a few less.
 */
export class AddressSlots {
  private readonly free = new Map<string, { count: number; until: number }>()
  private limit: AddressLimit | undefined

  /** From now on; undefined: nothing is counted. */
  configure(limit: AddressLimit | undefined): void {
    this.giveBack(Infinity)
    this.limit = limit
  }

  /** Undefined: there is no limit. At once where a slot is free here. */
  enter(key: string): OpenVerdict | Promise<OpenVerdict> | undefined {
    if (this.limit === undefined) return undefined
    const slot = this.free.get(key)
    if (slot === undefined) return this.limit.limit.enter(key)
    if (--slot.count === 0) this.free.delete(key)
    return admitted
  }

  /** A connection that was counted is over. `limit`: the one it came in by. */
  leave(key: string, { limit }: AddressLimit): void {
    const slot = this.free.get(key)
    const count = slot?.count ?? 0
    if (count >= (this.limit?.spare ?? 0)) return limit.leave(key)
    this.free.set(key, { count: count + 1, until: performance.now() + keptMs })
  }

  /** Returns the slots that nobody wanted. */
  giveBack(now: number): void {
    for (const [key, { count, until }] of this.free) {
      if (now < until) continue
      this.free.delete(key)
      for (let index = 0; index < count; index++) this.limit?.limit.leave(key)
    }
  }
}
