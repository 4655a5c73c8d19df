/**
 * Deadlines of running exchanges, without a timer each: those of one duration expire in the order they were set, so
 * a set in order of insertion is a queue, and one sweep a tenth of a second looks only at its front.
 */
export interface Expiring {
  deadlineAt: number
  onDeadline(): void
}

const sweepMs = 100

export class Deadlines {
  private readonly queues = new Map<number, Set<Expiring>>()
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

  set(item: Expiring, durationMs: number, nowMs: number): void {
    item.deadlineAt = nowMs + durationMs
    const queue = this.queues.get(durationMs)
    if (queue !== undefined) queue.add(item)
    else this.queues.set(durationMs, new Set([item]))
  }

  clear(item: Expiring, durationMs: number): void {
    this.queues.get(durationMs)?.delete(item)
  }

  sweep(): void {
    const now = this.now()
    for (const [durationMs, queue] of this.queues) {
      for (const item of queue) {
        if (item.deadlineAt > now) break
        queue.delete(item)
        item.onDeadline()
      }
      if (queue.size === 0) this.queues.delete(durationMs)
    }
  }
}
