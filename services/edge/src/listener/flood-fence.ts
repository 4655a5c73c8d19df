/** Counts what a client may do only so often in a second. */
export class FloodFence {
  private readonly perSecond: number
  private second = 0
  private count = 0

  constructor(perSecond: number) {
    this.perSecond = perSecond
  }

  /** True when it was once too often. `nowMs` is monotonic. */
  isTooMuch(nowMs: number): boolean {
    if (nowMs - this.second >= 1000) {
      this.second = nowMs
      this.count = 0
    }
    this.count++
    return this.count > this.perSecond
  }
}
