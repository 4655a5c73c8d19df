/**
 * Refuses a part of the new requests while this worker's event loop is late, so that those it takes are answered in
 * time. The part grows fast while the lag is above its mark and shrinks slowly once it is below half of it; in between
 * it stays, so that it does not swing. A single late turn, such as a large configuration makes, refuses nobody.
 */

/** How often the lag is told. */
export const sampleMs = 100
/** Of the newest sample in the smoothed lag: about a second counts. */
const weight = 0.1
const grow = 0.1
const shrink = 0.02
/** Some requests always pass, so that the lag is still that of real work. */
const maxPart = 0.9

export class LoadShedder {
  /** Whether `refuses` has to be asked. */
  isShedding = false
  lagMs = 0
  private readonly markMs: number
  private part = 0
  private owed = 0

  /** `markMs`: the smoothed lag above which requests are refused; 0: never. */
  constructor(markMs: number) {
    this.markMs = markMs
  }

  /** How late the event loop was, each `sampleMs`. */
  observe(lagMs: number): void {
    this.lagMs += (lagMs - this.lagMs) * weight
    if (this.markMs === 0) return
    if (this.lagMs > this.markMs) this.part = Math.min(maxPart, this.part + grow)
    else if (this.lagMs < this.markMs / 2) this.part = Math.max(0, this.part - shrink)
    this.isShedding = this.part > 0
  }

  /** Whether this request is one of those that are refused: evenly among all, not by chance. */
  refuses(): boolean {
    this.owed += this.part
    if (this.owed < 1) return false
    this.owed--
    return true
  }
}
