/**
 * Retries as a share of the requests of about the last ten seconds, so that a failing upstream is not sent a
 * multiple of its load. Ten retries are always allowed, so that a quiet upstream's requests get their second try.
 * Two five-second buckets, turned lazily: no timer.
 */
const bucketMs = 5000
const alwaysAllowed = 10

export class RetryBudget {
  percent: number
  private turnedAt = 0
  private requests = 0
  private retries = 0
  private earlierRequests = 0
  private earlierRetries = 0

  constructor(percent: number) {
    this.percent = percent
  }

  noteRequest(nowMs: number): void {
    if (nowMs - this.turnedAt >= bucketMs) this.turn(nowMs)
    this.requests++
  }

  /** Whether one more retry fits; takes it when it does. */
  takeRetry(nowMs: number): boolean {
    if (nowMs - this.turnedAt >= bucketMs) this.turn(nowMs)
    const allowed = Math.max(alwaysAllowed, ((this.requests + this.earlierRequests) * this.percent) / 100)
    if (this.percent === 0 || this.retries + this.earlierRetries >= allowed) return false
    this.retries++
    return true
  }

  private turn(nowMs: number): void {
    const adjacent = nowMs - this.turnedAt < 2 * bucketMs
    this.earlierRequests = adjacent ? this.requests : 0
    this.earlierRetries = adjacent ? this.retries : 0
    this.requests = 0
    this.retries = 0
    this.turnedAt = nowMs
  }
}
