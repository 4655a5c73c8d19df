import type { BusCounts, BusStatus, Subscription } from './bus.ts'

/** The status of a bus, who wants to know of its changes, and the counts. `closed` is for ever. */
export class BusState {
  readonly counts: BusCounts = { published: 0, received: 0, dropped: 0, malformed: 0, handlerErrors: 0, reconnects: 0 }
  readonly #listeners = new Set<(status: BusStatus) => void>()
  #status: BusStatus
  #wasConnected: boolean

  constructor(initial: BusStatus) {
    this.#status = initial
    this.#wasConnected = initial === 'connected'
  }

  get status(): BusStatus {
    return this.#status
  }

  set(status: BusStatus): void {
    if (status === this.#status || this.#status === 'closed') return
    this.#status = status
    if (status === 'connected') {
      if (this.#wasConnected) this.counts.reconnects++
      this.#wasConnected = true
    }
    for (const listener of [...this.#listeners]) {
      try {
        listener(status)
      } catch {
        this.counts.handlerErrors++
      }
    }
  }

  onStatus(listener: (status: BusStatus) => void): Subscription {
    const own = (status: BusStatus) => listener(status)
    this.#listeners.add(own)
    return { unsubscribe: () => void this.#listeners.delete(own) }
  }
}
