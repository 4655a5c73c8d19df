/**
 * Where quota is counted. One call takes from one key, atomically: of two callers for the last token one gets it.
 * A rule or cost that is not a positive number (cost: zero or more) is a mistake of the caller:
 * `internal.invariant_broken`. The same key always comes with the same rule: another rule is another key.
 */
export type LimitRule = TokenBucketRule | LeakyBucketRule | WindowRule

interface Rate {
  /** Requests a window. */
  readonly limit: number
  readonly windowMs: number
}

/** A bucket that refills evenly: GCRA, one instant a key. At most burst + rate · W in any stretch W. */
export interface TokenBucketRule extends Rate {
  readonly algorithm: 'token-bucket'
  /** The bucket's size. */
  readonly burst: number
}

/**
 * The same bucket, with a queue before it: what it cannot hold waits for its turn instead of being refused, `maxWaitMs`
 * at most, and never more at once than a window's worth (or the bucket's, whichever is more).
 */
export interface LeakyBucketRule extends Rate {
  readonly algorithm: 'leaky-bucket'
  readonly burst: number
  readonly maxWaitMs: number
}

/**
 * Windows are aligned to the Unix epoch, or to `originMs`. `fixed-window` counts each for itself; `sliding-window` weighs the one before
 * by the part of it that a window ending now would still cover; `sliding-window-log` remembers each request, so its
 * limit is `maxLogged` at most and its costs are whole.
 */
export interface WindowRule extends Rate {
  readonly algorithm: 'fixed-window' | 'sliding-window' | 'sliding-window-log'
  /** An instant at which one of the windows begins [the Unix epoch]; means nothing to the log. */
  readonly originMs?: number
}

/** The highest limit of a `sliding-window-log`: each request is an entry in memory. */
export const maxLogged = 10_000

export interface Take {
  /** Admitted: the cost was taken. Refused: nothing was. */
  readonly admitted: boolean
  /** Whole requests of cost 1 that would pass now, at once. */
  readonly remaining: number
  /** Until nothing counts any more: the bucket is full, or no request stands in the window. */
  readonly resetMs: number
  /** When refused: until this cost would be admitted; `Infinity` when it never is (cost above burst, or limit). 0 when admitted. */
  readonly retryAfterMs: number
  /** When a leaky bucket admitted it: how long to hold it before it may pass. 0 otherwise. */
  readonly waitMs: number
}

export interface Counters {
  /**
   * Takes `cost` from `key`. Synchronous where the count is in this process. A promise rejects with
   * `dependency.counters_unreachable` when the store does not answer within `timeoutMs` of the driver's settings.
   */
  take(key: string, rule: LimitRule, cost: number): Take | Promise<Take>
  /** What `take` with a cost of 1 would see; takes nothing. */
  peek(key: string, rule: LimitRule): Take | Promise<Take>
  /** Gives back what was taken for a request that never happened, the newest first; never above full. */
  giveBack(key: string, rule: LimitRule, cost: number): void | Promise<void>
  /** Counts what was used already, whether or not it fits: until the count is below the limit again, nothing is admitted. Not for logs. */
  charge(key: string, rule: LimitRule, cost: number): void | Promise<void>
  /** The key starts afresh; answers whether it existed. */
  reset(key: string): boolean | Promise<boolean>
  /** Whether a call would be tried now. */
  readonly healthy: boolean
  /** Lets calls under way finish, for a second at most. */
  close(): Promise<void>
}
