/**
 * Deadlines of running exchanges, without a timer each: those of one duration expire in the order they were set, so
 * a list in that order is a queue, and one sweep a tenth of a second looks only at its front. The links are in the
 * exchanges themselves: setting and clearing a deadline allocates nothing.
 */
export interface Expiring {
  deadlineAt: number
  /** The list that it stands in, with its neighbours there; undefined in none. */
  queue: DeadlineQueue | undefined
  earlier: Expiring | undefined
  later: Expiring | undefined
  onDeadline(): void
}

export interface DeadlineQueue {
  first: Expiring | undefined
  last: Expiring | undefined
}

const sweepMs = 100

export class Deadlines {
  private readonly queues = new Map<number, DeadlineQueue>()
  private readonly now: () => number
  private timer: NodeJS.Timeout | undefined

  constructor(now: () => number) {
    this.now = now
  }

  start(): void {
    this.timer ??= setInterval(() => this.sweep(), sweepMs).unref()
  }

  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }

  /** `item` has no deadline yet. */
  set(item: Expiring, durationMs: number, nowMs: number): void {
    let queue = this.queues.get(durationMs)
    if (queue === undefined) this.queues.set(durationMs, (queue = { first: undefined, last: undefined }))
    item.deadlineAt = nowMs + durationMs
    item.queue = queue
    item.earlier = queue.last
    if (queue.last === undefined) queue.first = item
    else queue.last.later = item
    queue.last = item
  }

  clear(item: Expiring): void {
    const { queue, earlier, later } = item
    if (queue === undefined) return
    if (earlier === undefined) queue.first = later
    else earlier.later = later
    if (later === undefined) queue.last = earlier
    else later.earlier = earlier
    item.queue = undefined
    item.earlier = undefined
    item.later = undefined
  }

  sweep(): void {
    const now = this.now()
    for (const [durationMs, queue] of this.queues) {
      while (queue.first !== undefined && queue.first.deadlineAt <= now) {
        const item = queue.first
        this.clear(item)
        item.onDeadline()
      }
      if (queue.first === undefined) this.queues.delete(durationMs)
    }
  }
}
