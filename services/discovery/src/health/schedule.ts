/** What is due when: a binary heap with one timer for all, since there may be a hundred thousand probes to come. */
interface Slot<T> {
  readonly dueAt: number
  readonly item: T
}

export class Schedule<T> {
  readonly #onDue: (item: T) => void
  readonly #heap: Slot<T>[] = []
  #timer: NodeJS.Timeout | undefined
  #timerAt = Infinity
  #isStopped = false
  readonly #now: () => number

  constructor(onDue: (item: T) => void, now: () => number = () => performance.now()) {
    this.#onDue = onDue
    this.#now = now
  }

  get size(): number {
    return this.#heap.length
  }

  add(item: T, afterMs: number): void {
    if (this.#isStopped) return
    this.#push({ dueAt: this.#now() + afterMs, item })
    this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#heap.length = 0
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.dueAt >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = first.dueAt
    this.#timer = setTimeout(() => this.#run(), Math.max(0, Math.ceil(first.dueAt - this.#now()))).unref()
  }

  #run(): void {
    this.#timerAt = Infinity
    const now = this.#now()
    while (this.#heap.length > 0 && this.#heap[0]!.dueAt <= now) this.#onDue(this.#pop())
    this.#arm()
  }

  #push(slot: Slot<T>): void {
    const heap = this.#heap
    let at = heap.push(slot) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.dueAt <= slot.dueAt) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = slot
  }

  #pop(): T {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    return first.item
  }

  #sink(slot: Slot<T>): void {
    const heap = this.#heap
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1]!.dueAt < heap[child]!.dueAt) child++
      if (heap[child]!.dueAt >= slot.dueAt) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = slot
  }
}
