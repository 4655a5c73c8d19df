import type { Bus, Subscription } from '@sluice/buses/bus'
import type { Clock } from '@sluice/service-kit'

/**
 * Milliseconds for which the bus was there. A control that is cut off hears nobody and must not take that for the
 * end of all edges, so edges age only while they could be heard.
 */
export class ConnectedTime {
  readonly #clock: Clock
  readonly #status: Subscription
  #total = 0
  #since: number | undefined

  constructor(bus: Bus, clock: Clock) {
    this.#clock = clock
    this.#since = bus.status === 'connected' ? clock.monotonic() : undefined
    this.#status = bus.onStatus((status) => this.#change(status === 'connected'))
  }

  now(): number {
    return this.#total + (this.#since === undefined ? 0 : this.#clock.monotonic() - this.#since)
  }

  stop(): void {
    this.#status.unsubscribe()
  }

  #change(isConnected: boolean): void {
    this.#total = this.now()
    this.#since = isConnected ? this.#clock.monotonic() : undefined
  }
}
