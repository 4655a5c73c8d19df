/**
 * What policies count with. `exact` asks the counters that all workers share for each request, `auto` for a chunk of a
 * busy key, `leased` for a chunk of each; `local` and the fallback of an outage count in this worker. The answer is synchronous wherever the count
 * is in this process.
 */
import type { Counters, LimitRule, Take } from '@sluice/counters/counter'
import type { Clock } from '@sluice/service-kit'
import { ChunkLeases, type Repeat } from './chunk-leases.ts'
import { type CountPlace, countedUnder } from '@sluice/policies/counted-under'
import type { LimiterRules, LimitScope, LimitVerdict, OpenLimit, OpenLimitRules, QuotaPart, QuotaReached } from '@sluice/policies/policy'
import type { ParentOpenRequests } from './parent-open-requests.ts'
import { limitRule, partOf } from './limit-rule.ts'

type TakingCounters = Pick<Counters, 'take' | 'giveBack' | 'charge'>

export interface QuotaParts {
  /** Shared by all workers of the edge, or by all edges. */
  readonly shared: TakingCounters
  /** Shared by the edges of all datacenters [as `shared`]. */
  readonly global?: TakingCounters | undefined
  /** This worker's own. */
  readonly own: TakingCounters
  readonly openRequests: Pick<ParentOpenRequests, 'enter' | 'leave'>
  readonly clock: Clock
  readonly scope: string
  /** Where this edge stands: what counts of a zone or a datacenter are told apart by [nowhere]. */
  readonly place?: CountPlace
  /** How many workers share such a count: while the counters are away, each admits its part of the limit. */
  readonly workers: (scope: LimitScope) => number
  /** Told of each decision that was made without the shared counters. */
  readonly onDegraded: (decidedBy: LimitVerdict['decidedBy']) => void
  /** Told of consumers that come near to the end of a quota [nobody]. */
  readonly onReached?: (event: QuotaReached) => void
  /** What sweeps unspent chunks [a timer]. */
  readonly repeat?: Repeat
}

export function createQuota(parts: QuotaParts): QuotaPart {
  const { shared, global = shared, clock, repeat } = parts
  const near: Shared = { exact: shared, local: shared, auto: new ChunkLeases(shared, clock, { repeat }), leased: new ChunkLeases(shared, clock, { repeat, hotPerSecond: 0 }) }
  const farLeases = new ChunkLeases(global, clock, { repeat, ...seldom })
  const far: Shared = global === shared ? near : { exact: global, local: global, auto: farLeases, leased: farLeases }
  return {
    limiter: (rules) => new Limiter(parts, rules.scope === 'global' ? far : near, rules),
    openLimit: (rules) => openLimit(parts, rules),
    reached: (event) => parts.onReached?.(event),
  }
}

/** Counters that several workers have together, by how each mode takes from them. */
type Shared = Readonly<Record<'auto' | 'leased', Pick<Counters, 'take'>> & Record<'exact' | 'local', TakingCounters>>

/** From another datacenter chunks come before a key is busy, last longer, and a refusal is believed until it ends. */
const seldom = { hotPerSecond: 0, leaseMs: 2000, believesRefusals: true } as const

const maxWholes = 10_000

class Limiter {
  private readonly parts: QuotaParts
  private readonly shared: TakingCounters
  private readonly taking: Pick<Counters, 'take'>
  private readonly rules: LimiterRules
  private readonly rule: LimitRule
  private readonly prefix: string
  /** Keys with the prefix: a text that was looked up before is found at once, one put together anew has to be hashed. */
  private readonly wholes = new Map<string, string>()

  constructor(parts: QuotaParts, shared: Shared, rules: LimiterRules) {
    this.parts = parts
    this.shared = shared.exact
    this.taking = shared[rules.mode]
    this.rules = rules
    this.rule = limitRule(rules)
    this.prefix = countedUnder(parts.scope, rules, parts.place)
  }

  take(key: string, cost: number): LimitVerdict | Promise<LimitVerdict> {
    const whole = this.wholeOf(key)
    if (this.rules.mode === 'local') return verdict(this.parts.own.take(whole, this.rule, cost) as Take, 'counters')
    try {
      const taken = this.taking.take(whole, this.rule, cost)
      if (!(taken instanceof Promise)) return verdict(taken, 'counters')
      return taken.then((late) => verdict(late, 'counters'), () => this.takeWithout(whole, cost))
    } catch {
      return this.takeWithout(whole, cost)
    }
  }

  private wholeOf(key: string): string {
    let whole = this.wholes.get(key)
    if (whole !== undefined) return whole
    if (this.wholes.size >= maxWholes) this.wholes.clear()
    this.wholes.set(key, (whole = this.prefix + key))
    return whole
  }

  giveBack(key: string, cost: number, verdict: LimitVerdict): void {
    this.settle(key, cost, 0, verdict)
  }

  settle(key: string, taken: number, used: number, { decidedBy }: LimitVerdict): void {
    const whole = this.prefix + key
    const { own } = this.parts
    if (decidedBy === 'local') void settleIn(own, whole, this.ownRule(taken), used - taken)
    else if (decidedBy === 'counters' && this.rules.mode === 'local') void settleIn(own, whole, this.rule, used - taken)
    // What cannot be given back comes back by itself, with time; what cannot be charged is lost, and counted as let through.
    else if (decidedBy === 'counters') Promise.resolve(settleIn(this.shared, whole, this.rule, used - taken)).catch(() => used > taken && this.parts.onDegraded('open'))
  }

  private takeWithout(whole: string, cost: number): LimitVerdict {
    const { failure } = this.rules
    this.parts.onDegraded(failure)
    if (failure === 'local') return verdict(this.parts.own.take(whole, this.ownRule(cost), cost) as Take, 'local')
    const admitted = failure === 'open'
    return { admitted, remaining: 0, resetMs: this.rule.windowMs, retryAfterMs: admitted ? 0 : 1000, waitMs: 0, decidedBy: failure }
  }

  private ownRule(cost: number): LimitRule {
    return partOf(this.rule, Math.max(1, this.parts.workers(this.rules.scope ?? 'dc')), cost)
  }
}

function settleIn(counters: TakingCounters, key: string, rule: LimitRule, owed: number): void | Promise<void> {
  if (owed > 0) return counters.charge(key, rule, owed)
  if (owed < 0) return counters.giveBack(key, rule, -owed)
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
