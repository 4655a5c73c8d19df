/**
 * What flaps is left out for a while, after BGP's route flap damping (RFC 2439): each change of the verdict costs a
 * penalty that halves every minute. From 3000 on an endpoint counts as down, until it has fallen below 1000.
 */
const penaltyPerChange = 1000
const halfLifeMs = 60_000
const suppressFrom = 3000
const reuseBelow = 1000

export class FlapDamping {
  #penalty = 0
  #at = 0
  #isSuppressed = false

  noteChange(nowMs: number): void {
    this.#decay(nowMs)
    this.#penalty += penaltyPerChange
    if (this.#penalty >= suppressFrom) this.#isSuppressed = true
  }

  /** Whether it counts as down, whatever its verdict is. */
  isSuppressed(nowMs: number): boolean {
    if (!this.#isSuppressed) return false
    this.#decay(nowMs)
    if (this.#penalty < reuseBelow) this.#isSuppressed = false
    return this.#isSuppressed
  }

  /** How long it counts as down still; 0 when it does not. */
  remainingMs(nowMs: number): number {
    if (!this.isSuppressed(nowMs)) return 0
    return Math.ceil(Math.log2(this.#penalty / reuseBelow) * halfLifeMs) + 1
  }

  #decay(nowMs: number): void {
    this.#penalty *= 2 ** (-(nowMs - this.#at) / halfLifeMs)
    this.#at = nowMs
  }
}
