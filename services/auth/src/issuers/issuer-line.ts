/**
 * Questions to one issuer: bounded in how many are under way, and an issuer that fails again and again is left alone
 * for a second, so that nobody waits for one that is down.
 */
import { SluiceError } from '@sluice/errors'

const maxRunning = 256
/** Failures in a row after which the issuer counts as away, and for how long. */
const failuresUntilAway = 3
const awayMs = 1000

export class IssuerLine {
  readonly #clock: { monotonic(): number }
  #running = 0
  #failures = 0
  #failedAt = -Infinity

  constructor(clock: { monotonic(): number }) {
    this.#clock = clock
  }

  /** Throws what `question` throws, an `Error` for the log while the issuer is left alone, `dependency.verifier_overloaded` when too many ask. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#isAway()) throw new Error('it failed several times in a row and is left alone for a second')
    if (this.#running >= maxRunning) throw new SluiceError('dependency.verifier_overloaded', { detail: 'Too many questions wait for their issuer' })
    this.#running++
    try {
      const answer = await question()
      this.#failures = 0
      return answer
    } catch (error) {
      this.#failures++
      this.#failedAt = this.#clock.monotonic()
      throw error
    } finally {
      this.#running--
    }
  }

  #isAway(): boolean {
    return this.#failures >= failuresUntilAway && this.#clock.monotonic() - this.#failedAt < awayMs
  }
}
