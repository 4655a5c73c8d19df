/**
 * Where quota is counted. One call takes from one key, atomically: of two callers for the last token one gets it.
 * The token bucket is kept as GCRA (one instant per key: the theoretical arrival time): at most burst + rate·W
 * are admitted in any window W. A rule or cost that is not a positive number (cost: zero or more) is a mistake of the
 * caller: `internal.invariant_broken`. The same key always comes with the same rule: another rule is another key.
 */
export interface LimitRule {
  readonly algorithm: 'token-bucket'
  /** Requests a window. */
  readonly limit: number
  readonly windowMs: number
  /** The bucket's size. */
  readonly burst: number
}

export interface Take {
  /** Admitted: the cost was taken. Refused: nothing was. */
  readonly admitted: boolean
  /** Whole requests of cost 1 that would pass now. */
  readonly remaining: number
  /** Until the bucket is full again. */
  readonly resetMs: number
  /** When refused: until this cost would be admitted; `Infinity` when it never is (cost above burst). 0 when admitted. */
  readonly retryAfterMs: number
}

export interface Counters {
  /**
   * Takes `cost` from `key`. Synchronous where the count is in this process. A promise rejects with
   * `dependency.counters_unreachable` when the store does not answer within `timeoutMs` of the driver's settings.
   */
  take(key: string, rule: LimitRule, cost: number): Take | Promise<Take>
  /** What `take` with a cost of 1 would see; takes nothing. */
  peek(key: string, rule: LimitRule): Take | Promise<Take>
  /** Gives back what was taken for a request that never happened; never above full. */
  giveBack(key: string, rule: LimitRule, cost: number): void | Promise<void>
  /** The key starts afresh; answers whether it existed. */
  reset(key: string): boolean | Promise<boolean>
  /** Whether a call would be tried now. */
  readonly healthy: boolean
  /** Lets calls under way finish, for a second at most. */
  close(): Promise<void>
}
