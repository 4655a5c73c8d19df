/**
 * A deadline of something that a sweep looks at every so often. It begins to run when the sweep first sees it, so that
 * setting one reads no clock: it is never early, and late by two sweeps at most.
 */
export class SweptDeadline {
  /** Set and not seen yet; 0 when there is none. */
  private pendingMs = 0
  private at = Infinity

  set(ms: number): void {
    this.pendingMs = ms
  }

  clear(): void {
    this.pendingMs = 0
    this.at = Infinity
  }

  /** For the sweep, which has to ask each time. */
  isOver(now: number): boolean {
    if (this.pendingMs === 0) return now >= this.at
    this.at = now + this.pendingMs
    this.pendingMs = 0
    return false
  }
}
