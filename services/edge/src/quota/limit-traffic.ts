/** Requests for one key as they come to the workers of several edges: at random instants, and to some workers more than to others. */
export interface LimitTraffic {
  readonly workers: number
  readonly ratePerSecond: number
  /** The worker of rank k gets a share of 1 ÷ k^skew: 0, all get the same. */
  readonly skew: number
  readonly seconds: number
  /** The same seed gives the same requests. */
  readonly seed: number
}

export interface Arrival {
  readonly atMs: number
  readonly worker: number
}

/** Poisson arrivals, in the order of time. */
export function* arrivalsOf({ workers, ratePerSecond, skew, seconds, seed }: LimitTraffic): Generator<Arrival> {
  const random = randomNumbers(seed)
  const shares = cumulativeShares(workers, skew)
  let atMs = 0
  for (;;) {
    atMs += (-Math.log(1 - random()) / ratePerSecond) * 1000
    if (atMs >= seconds * 1000) return
    const point = random()
    const worker = shares.findIndex((share) => point < share)
    yield { atMs, worker: worker === -1 ? workers - 1 : worker }
  }
}

function cumulativeShares(workers: number, skew: number): number[] {
  const weights = Array.from({ length: workers }, (_, rank) => 1 / (rank + 1) ** skew)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  let reached = 0
  return weights.map((weight) => (reached += weight / sum))
}

/** Mulberry32: 32 bits of state, enough for traffic. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
