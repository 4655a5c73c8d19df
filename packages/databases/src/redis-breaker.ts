const timeoutsToOpen = 5
const pauseMs = 1000

/**
 * Stops asking a server that does not answer: after five timeouts in a row nobody asks for a second, then one call
 * goes through as a probe, and each timeout of a probe means another second. Any answer closes it.
 */
export class RedisBreaker {
  readonly #clock: { monotonic(): number }
  #timeouts = 0
  #askAgainAt = 0

  constructor(clock: { monotonic(): number }) {
    this.#clock = clock
  }

  get isOpen(): boolean {
    return this.#timeouts >= timeoutsToOpen && this.#clock.monotonic() < this.#askAgainAt
  }

  /** Whether this call may be made. While the probe is under way it is the only one. */
  admit(): boolean {
    if (this.#timeouts < timeoutsToOpen) return true
    if (this.isOpen) return false
    this.#pause()
    return true
  }

  answered(): void {
    this.#timeouts = 0
  }

  timedOut(): void {
    if (++this.#timeouts >= timeoutsToOpen) this.#pause()
  }

  #pause(): void {
    this.#askAgainAt = this.#clock.monotonic() + pauseMs
  }
}
