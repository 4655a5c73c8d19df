import type { ConfigRevision } from '@sluice/buses/config-feed'

const withinMs = 60_000
const maxCrashes = 2

/** Tells when workers end so soon after a revision that the revision has to go. */
export class CrashGuard {
  private readonly clock: { monotonic(): number }
  /** What served before the current one, when that proved itself. */
  private previous: ConfigRevision | undefined
  private publishedAt = 0
  private count = 0

  constructor(clock: { monotonic(): number }) {
    this.clock = clock
  }

  /** Another revision takes the place of this one; the newest before it that had no crash is what is gone back to. */
  replaced(before: ConfigRevision): void {
    if (this.count === 0) this.previous = before
  }

  published(): void {
    this.publishedAt = this.clock.monotonic()
    this.count = 0
  }

  /** Answers the revision to go back to; none while that is not called for, or there is none. */
  crashed(): ConfigRevision | undefined {
    if (this.clock.monotonic() - this.publishedAt > withinMs) return undefined
    this.count++
    if (this.count < maxCrashes) return undefined
    const { previous } = this
    this.previous = undefined
    return previous
  }
}
