import type { Bus, Subscription } from '@sluice/buses/bus'
import type { Clock } from '@sluice/service-kit'

const turnMs = 500
/** Between two turns of the event loop no more than this counts: well above what a busy machine does to a timer. */
const longestTurnMs = 2000

/**
 * Milliseconds for which edges could be heard: the bus was there, and this process listened. A control that is cut off, or that checks a
 * configuration of a hundred thousand routes for half a minute, hears nobody and must not take that for the end of all edges.
 */
export class ConnectedTime {
  readonly #clock: Clock
  readonly #turns: { now(): number }
  readonly #status: Subscription
  readonly #timer: NodeJS.Timeout
  #total = 0
  #since: number | undefined
  #stalledMs = 0
  #lastTurn: number

  /** `turns` is the real time, by which a process knows that it stood still. */
  constructor(bus: Bus, clock: Clock, turns: { now(): number } = performance) {
    this.#clock = clock
    this.#turns = turns
    this.#lastTurn = turns.now()
    this.#since = bus.status === 'connected' ? clock.monotonic() : undefined
    this.#status = bus.onStatus((status) => this.#change(status === 'connected'))
    this.#timer = setInterval(() => this.turned(), turnMs).unref()
  }

  now(): number {
    return this.#total + (this.#since === undefined ? 0 : this.#clock.monotonic() - this.#since) - this.#stalledMs - this.#stallMs()
  }

  /** The event loop has come round. */
  turned(): void {
    this.#stalledMs += this.#stallMs()
    this.#lastTurn = this.#turns.now()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#status.unsubscribe()
  }

  #stallMs(): number {
    return this.#since === undefined ? 0 : Math.max(0, this.#turns.now() - this.#lastTurn - longestTurnMs)
  }

  #change(isConnected: boolean): void {
    this.turned()
    this.#total += this.#since === undefined ? 0 : this.#clock.monotonic() - this.#since
    this.#since = isConnected ? this.#clock.monotonic() : undefined
  }
}
