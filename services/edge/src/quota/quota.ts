/**
 * What policies count with. `exact` asks the counters that all workers share for each request, `auto` for a chunk of a
 * busy key; `local` and the fallback of an outage count in this worker. The answer is synchronous wherever the count
 * is in this process.
 */
import type { Counters, LimitRule, Take } from '@sluice/counters/counter'
import type { Clock } from '@sluice/service-kit'
import { ChunkLeases, type Repeat } from './chunk-leases.ts'
import type { LimiterRules, LimitVerdict, OpenLimit, OpenLimitRules, QuotaPart } from '@sluice/policies/policy'
import type { ParentOpenRequests } from './parent-open-requests.ts'
import { limitRule, partOf } from './limit-rule.ts'

type TakingCounters = Pick<Counters, 'take' | 'giveBack'>

export interface QuotaParts {
  /** Shared by all workers of the edge, or by all edges. */
  readonly shared: TakingCounters
  /** This worker's own. */
  readonly own: TakingCounters
  readonly openRequests: Pick<ParentOpenRequests, 'enter' | 'leave'>
  readonly clock: Clock
  readonly scope: string
  /** Workers of this edge: while the shared counters are away, each admits its part of the limit. */
  readonly workers: number
  /** Told of each decision that was made without the shared counters. */
  readonly onDegraded: (decidedBy: LimitVerdict['decidedBy']) => void
  /** What sweeps unspent chunks [a timer]. */
  readonly repeat?: Repeat
}

export function createQuota(parts: QuotaParts): QuotaPart {
  const leases = new ChunkLeases(parts.shared, parts.clock, parts.repeat)
  return {
    limiter: (rules) => new Limiter(parts, rules.mode === 'auto' ? leases : parts.shared, rules),
    openLimit: (rules) => openLimit(parts, rules),
  }
}

class Limiter {
  private readonly parts: QuotaParts
  private readonly shared: Pick<Counters, 'take'>
  private readonly rules: LimiterRules
  private readonly rule: LimitRule
  private readonly prefix: string

  constructor(parts: QuotaParts, shared: Pick<Counters, 'take'>, rules: LimiterRules) {
    this.parts = parts
    this.shared = shared
    this.rules = rules
    this.rule = limitRule(rules)
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

  giveBack(key: string, cost: number, { decidedBy }: LimitVerdict): void {
    const whole = this.prefix + key
    if (decidedBy === 'local') void this.parts.own.giveBack(whole, this.ownRule(cost), cost)
    else if (decidedBy === 'counters' && this.rules.mode === 'local') void this.parts.own.giveBack(whole, this.rule, cost)
    // What cannot be given back comes back by itself, with time.
    else if (decidedBy === 'counters') Promise.resolve(this.parts.shared.giveBack(whole, this.rule, cost)).catch(() => undefined)
  }

  private takeWithout(whole: string, cost: number): LimitVerdict {
    const { failure } = this.rules
    this.parts.onDegraded(failure)
    if (failure === 'local') return verdict(this.parts.own.take(whole, this.ownRule(cost), cost) as Take, 'local')
    const admitted = failure === 'open'
    return { admitted, remaining: 0, resetMs: this.rule.windowMs, retryAfterMs: admitted ? 0 : 1000, waitMs: 0, decidedBy: failure }
  }

  private ownRule(cost: number): LimitRule {
    return partOf(this.rule, Math.max(1, this.parts.workers), cost)
  }
}

function verdict(take: Take, decidedBy: LimitVerdict['decidedBy']): LimitVerdict {
  return { admitted: take.admitted, remaining: take.remaining, resetMs: take.resetMs, retryAfterMs: take.retryAfterMs, waitMs: take.waitMs, decidedBy }
}

function openLimit({ openRequests, scope, onDegraded }: QuotaParts, { counter, limit }: OpenLimitRules): OpenLimit {
  const prefix = `${scope}:${counter}:`
  return {
    async enter(key) {
      const { entered, open } = await openRequests.enter(prefix + key, limit)
      if (open !== undefined) return { admitted: entered, counted: entered, remaining: Math.max(0, limit - open) }
      onDegraded('open')
      return { admitted: true, counted: false, remaining: 0 }
    },
    leave: (key) => openRequests.leave(prefix + key),
  }
}
