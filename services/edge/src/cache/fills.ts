/**
 * One fill a key: while a response that can be kept is on its way, requests for the same wait for it. They go on when it is kept, at once when it turns
 * out not to be for keeping, one by one when it fails, and by themselves when it takes too long.
 */
export type FillOutcome = 'stored' | 'uncacheable' | 'failed' | 'late'

/** A request that waits. */
export interface Waiter {
  /** Until when, on the monotonic clock; 0 before it has waited. Over several fills it is the same instant. */
  waitsUntil: number
  /** Those it waits among. */
  place: Set<Waiter> | undefined
  onFill(outcome: FillOutcome): void
}

/** Requests of one worker that wait, all keys together: beyond it they go on by themselves. */
const maxWaiting = 10_000
const maxWaitMs = 5000
/** How long requests for what turned out not to be for keeping go on without waiting for each other. */
const uncacheableMs = 5000
const maxUncacheable = 1000
const sweepMs = 100

export class Fills {
  readonly #now: () => number
  readonly #running = new Map<string, Set<Waiter>>()
  /** Until when, the oldest first. */
  readonly #uncacheable = new Map<string, number>()
  #waiting = 0
  #sweep: NodeJS.Timeout | undefined

  /** `now`: the monotonic clock. */
  constructor(now: () => number) {
    this.#now = now
  }

  get running(): number {
    return this.#running.size
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** `fill`: the caller fills, and says how it ended. `wait`: it will hear of that. `pass`: neither. */
  enter(key: string, waiter: Waiter): 'fill' | 'wait' | 'pass' {
    const now = this.#now()
    if (this.#isUncacheable(key, now)) return 'pass'
    const waiters = this.#running.get(key)
    if (waiters === undefined) {
      this.#running.set(key, new Set())
      return 'fill'
    }
    waiter.waitsUntil ||= now + maxWaitMs
    if (waiter.waitsUntil <= now || this.#waiting >= maxWaiting) return 'pass'
    waiters.add(waiter)
    waiter.place = waiters
    this.#waiting++
    this.#sweep ??= setInterval(() => this.#endLate(), sweepMs).unref()
    return 'wait'
  }

  /** Without anybody who would wait: false when a fill is under way already. */
  begin(key: string): boolean {
    if (this.#running.has(key)) return false
    this.#running.set(key, new Set())
    return true
  }

  /** The waiter does not wait any more. */
  leave(waiter: Waiter): void {
    if (waiter.place?.delete(waiter) === true) this.#waiting--
    waiter.place = undefined
    if (this.#waiting === 0) this.#stopSweep()
  }

  /** The fill of this key is over. */
  end(key: string, outcome: Exclude<FillOutcome, 'late'>): void {
    const waiters = this.#running.get(key)
    if (waiters === undefined) return
    this.#running.delete(key)
    if (outcome === 'uncacheable') this.#remember(key)
    else this.#uncacheable.delete(key)
    // Whoever has filled goes on first.
    if (waiters.size > 0) queueMicrotask(() => this.#tell(waiters, outcome))
  }

  #tell(waiters: Set<Waiter>, outcome: FillOutcome): void {
    for (const waiter of [...waiters]) {
      if (!waiters.has(waiter)) continue
      this.leave(waiter)
      waiter.onFill(outcome)
    }
  }

  #endLate(): void {
    const now = this.#now()
    for (const waiters of [...this.#running.values()]) {
      for (const waiter of [...waiters]) {
        if (waiter.waitsUntil > now) continue
        this.leave(waiter)
        waiter.onFill('late')
      }
    }
  }

  #stopSweep(): void {
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  #isUncacheable(key: string, now: number): boolean {
    const until = this.#uncacheable.get(key)
    if (until === undefined) return false
    if (until > now) return true
    this.#uncacheable.delete(key)
    return false
  }

  #remember(key: string): void {
    this.#uncacheable.delete(key)
    this.#uncacheable.set(key, this.#now() + uncacheableMs)
    if (this.#uncacheable.size > maxUncacheable) this.#uncacheable.delete(this.#uncacheable.keys().next().value!)
  }
}
