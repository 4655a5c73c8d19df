/**
 * What policies count with. `exact` asks the counters that all workers share for each request, `auto` for a chunk of a
 * busy key; `local` and the fallback of an outage
 * count in this worker. The answer is synchronous wherever the count is in this process.
 */
import type { Counters, LimitRule, Take } from '@sluice/counters/counter'
import type { Clock } from '@sluice/service-kit'
import { ChunkLeases } from './chunk-leases.ts'
import type { LimiterRules, LimitVerdict, QuotaPart } from '@sluice/policies/policy'

export interface QuotaParts {
  /** Shared by all workers of the edge, or by all edges. */
  readonly shared: Pick<Counters, 'take' | 'giveBack'>
  /** This worker's own. */
  readonly own: Pick<Counters, 'take'>
  readonly clock: Clock
  readonly scope: string
  /** Workers of this edge: while the shared counters are away, each admits its part of the limit. */
  readonly workers: number
  /** Told of each decision that was made without the shared counters. */
  readonly onDegraded: (decidedBy: LimitVerdict['decidedBy']) => void
}

export function createQuota(parts: QuotaParts): QuotaPart {
  const leases = new ChunkLeases(parts.shared, parts.clock)
  return { limiter: (rules) => new Limiter(parts, rules.mode === 'auto' ? leases : parts.shared, rules) }
}

class Limiter {
  private readonly parts: QuotaParts
  private readonly shared: Pick<Counters, 'take'>
  private readonly rules: LimiterRules
  private readonly rule: LimitRule
  /** A worker's part of the limit. */
  private readonly ownRule: LimitRule
  private readonly prefix: string

  constructor(parts: QuotaParts, shared: Pick<Counters, 'take'>, rules: LimiterRules) {
    this.parts = parts
    this.shared = shared
    this.rules = rules
    this.rule = { algorithm: rules.algorithm, limit: rules.limit, windowMs: rules.windowSeconds * 1000, burst: rules.burst }
    const share = Math.max(1, parts.workers)
    this.ownRule = { ...this.rule, limit: this.rule.limit / share, burst: Math.max(1, this.rule.burst / share) }
    this.prefix = `${parts.scope}:${rules.counter}:`
  }

  take(key: string, cost: number): LimitVerdict | Promise<LimitVerdict> {
    const whole = this.prefix + key
    if (this.rules.mode === 'local') return verdict(this.parts.own.take(whole, this.rule, cost) as Take, 'counters')
    try {
      const taken = this.shared.take(whole, this.rule, cost)
      if (!(taken instanceof Promise)) return verdict(taken, 'counters')
      return taken.then((late) => verdict(late, 'counters'), () => this.takeWithout(whole, cost))
    } catch {
      return this.takeWithout(whole, cost)
    }
  }

  private takeWithout(whole: string, cost: number): LimitVerdict {
    const { failure } = this.rules
    this.parts.onDegraded(failure)
    if (failure === 'local') return verdict(this.parts.own.take(whole, this.ownRule, cost) as Take, 'local')
    const admitted = failure === 'open'
    return { admitted, remaining: 0, resetMs: this.rule.windowMs, retryAfterMs: admitted ? 0 : 1000, decidedBy: failure }
  }
}

function verdict(take: Take, decidedBy: LimitVerdict['decidedBy']): LimitVerdict {
  return { admitted: take.admitted, remaining: take.remaining, resetMs: take.resetMs, retryAfterMs: take.retryAfterMs, decidedBy }
}
