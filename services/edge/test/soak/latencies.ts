/** How often answers took how long, in buckets that grow by a tenth: they add up and subtract, and tell a quantile within 5 %. */
const growth = Math.log(1.1)
const smallestMs = 0.05
const buckets = 160

export class Latencies {
  readonly counts = Array.from({ length: buckets }, () => 0)

  add(ms: number): void {
    this.counts[Math.min(buckets - 1, Math.max(0, Math.ceil(Math.log(ms / smallestMs) / growth)))]!++
  }
}

/** Milliseconds; of the answers that `after` has more than `before`. 0 when there are none. */
export function quantileBetween(before: readonly number[], after: readonly number[], share: number): number {
  const between = after.map((count, index) => count - (before[index] ?? 0))
  let left = between.reduce((sum, count) => sum + count, 0) * share
  if (left === 0) return 0
  for (const [index, count] of between.entries()) {
    left -= count
    if (left <= 0) return smallestMs * Math.exp(growth * (index - 0.5))
  }
  return Infinity
}
