/** What policies are given to count with. */
import type { PolicyPlace } from './policy-place.ts'

/** How requests are counted; the READMEs of rate-limit and of the counters say what each means. */
export type LimitAlgorithm = 'token-bucket' | 'leaky-bucket' | 'fixed-window' | 'sliding-window' | 'sliding-window-log'

/** How far one count reaches: the availability zone, the datacenter, everywhere. */
export type LimitScope = 'az' | 'dc' | 'global'

export interface LimiterRules {
  /** Stays the same while the limit's place and name do: counts are kept under it. */
  readonly counter: string
  readonly algorithm: LimitAlgorithm
  readonly limit: number
  readonly windowSeconds: number
  /** The size of a bucket; `limit` for the other algorithms. */
  readonly burst: number
  /** An instant at which one of the windows begins [the Unix epoch]. */
  readonly originMs?: number
  /** For `leaky-bucket` only. */
  readonly maxWaitMs: number
  readonly mode: 'auto' | 'exact' | 'leased' | 'local'
  /** [dc] */
  readonly scope?: LimitScope
  readonly failure: 'open' | 'local' | 'closed'
}

export interface LimitVerdict {
  readonly admitted: boolean
  readonly remaining: number
  readonly resetMs: number
  readonly retryAfterMs: number
  /** Admitted by a leaky bucket: how long to hold the request. */
  readonly waitMs: number
  /** How it was decided: by the counters, or while they were away. */
  readonly decidedBy: 'counters' | 'open' | 'local' | 'closed'
}

export interface Limiter {
  take(key: string, cost: number): LimitVerdict | Promise<LimitVerdict>
  /** Gives back what a verdict took for a request that never went on. */
  giveBack(key: string, cost: number, verdict: LimitVerdict): void
  /** Counts what a request has used in place of what its verdict took, whether or not it is left. */
  settle(key: string, taken: number, used: number, verdict: LimitVerdict): void
}

export interface OpenLimitRules {
  readonly counter: string
  readonly limit: number
}

export interface OpenVerdict {
  readonly admitted: boolean
  /** Whether it was counted, so that it has to be left; not when it was let in while nobody could count. */
  readonly counted: boolean
  readonly remaining: number
}

/** How many requests are open under a key, on all workers of this edge together. */
export interface OpenLimit {
  enter(key: string): Promise<OpenVerdict>
  leave(key: string): void
}

export interface QuotaPart {
  limiter(rules: LimiterRules): Limiter
  openLimit(rules: OpenLimitRules): OpenLimit
  /** Passes on that a consumer has used so much of a quota; never waits, never throws. */
  reached(event: QuotaReached): void
}

export interface QuotaReached {
  readonly consumer: string
  /** Where the quota stands, and its name there. */
  readonly place: Pick<PolicyPlace, 'level' | 'name'>
  /** Of a quota that counts each route apart. */
  readonly route: string | undefined
  readonly percent: number
  readonly limit: number
  readonly period: 'day' | 'month'
  /** Which of them: `2026-11-22`, `2026-11`; of a quota that rolls, the day. */
  readonly window: string
}
