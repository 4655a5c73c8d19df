// Not the global of that name, which is looked up at each call.
import { performance } from 'node:perf_hooks'

/** Time as a dependency, so that tests own it. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For instants that others see. */
  now(): number
  /** Milliseconds that only grow. For durations and deadlines. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
