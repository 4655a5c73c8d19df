import type { Exchange } from '../exchange.ts'
import { retryAfter } from '../limit-fields.ts'
import { compileKey } from '../limit-key.ts'
import { keyParts } from '../limit-key-setting.ts'
import { limitStatement } from '../limit-statement.ts'
import { type HookResult, type Limiter, type LimiterRules, type LimitVerdict, type Policy, type PolicyParts, refuse } from '../policy.ts'
import { type CountedPeriod, consumersKey, quotaCountAt } from '../quota-counts.ts'
import { periodAt } from './period.ts'
import type { QuotaSettings } from './schema.ts'

const countersAway = refuse('dependency.counters_unreachable')

export function compile(settings: QuotaSettings, parts: PolicyParts): Policy {
  return new Quota(settings, parts)
}

/** Takes from a count of a whole day or month; the next one begins with the first request in it. */
class Quota implements Policy {
  private readonly settings: QuotaSettings
  private readonly parts: PolicyParts
  private readonly keyOf: (exchange: Exchange) => string
  /** Percents, the highest first. */
  private readonly thresholds: readonly number[]
  /** Whether control is told: of what consumers use, each route apart or all together, and not of what would have been, in shadow. */
  private readonly isTold: boolean
  private counted: CountedPeriod & { readonly limiter: Limiter }

  constructor(settings: QuotaSettings, parts: PolicyParts) {
    this.settings = settings
    this.parts = parts
    this.keyOf = compileKey(keyParts(settings))
    this.thresholds = settings.notifyPercents.toSorted((left, right) => right - left)
    this.isTold = settings.shadow !== true && consumersKey(settings, '', '') !== undefined
    this.counted = this.countedAt(parts.clock.now())
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const now = this.parts.clock.now()
    if (now >= this.counted.endMs || now < this.counted.startMs) this.counted = this.countedAt(now)
    const { limiter, rules } = this.counted
    const verdict = limiter.take(this.keyOf(exchange), this.settings.cost)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, rules, exchange)) : this.decide(verdict, rules, exchange)
  }

  private decide(verdict: LimitVerdict, rules: LimiterRules, exchange: Exchange): HookResult {
    if (verdict.decidedBy === 'closed') return countersAway
    exchange.limits.push(limitStatement(this.parts.place.name, rules, verdict))
    if (verdict.decidedBy === 'counters') this.notify(verdict, exchange)
    return verdict.admitted ? undefined : refuse('policy.quota_spent', undefined, ['Retry-After', retryAfter(verdict.retryAfterMs)])
  }

  /** From a threshold on each response says so; the one request that has crossed it is an event. */
  private notify({ admitted, remaining }: LimitVerdict, exchange: Exchange): void {
    const { limit, cost, period } = this.settings
    const used = limit - remaining
    const percent = this.thresholds.find((one) => used >= (limit * one) / 100)
    if (percent === undefined) return
    const { name, level } = this.parts.place
    exchange.responseFields.push('X-Quota-Reached', `"${name}";percent=${percent}`)
    if (!admitted || used - cost >= (limit * percent) / 100) return
    this.parts.logger.info({ quota: name, at: level, consumer: exchange.identity?.consumer, percent, limit, period }, 'a quota has reached a threshold')
    if (this.isTold && exchange.identity !== undefined) this.tell(exchange.identity.consumer, percent, exchange)
  }

  private tell(consumer: string, percent: number, exchange: Exchange): void {
    const { limit, period, window } = this.settings
    const route = keyParts(this.settings).includes('route') ? exchange.route.name : undefined
    // One that rolls goes up and down around a threshold: that is told once a day.
    const { name } = periodAt(window === 'rolling' ? 'day' : period, this.parts.clock.now())
    this.parts.quota.reached({ consumer, place: this.parts.place, route, percent, limit, period, window: name })
  }

  private countedAt(now: number): CountedPeriod & { readonly limiter: Limiter } {
    const counted = quotaCountAt(this.settings, this.parts.place, now)
    return { ...counted, limiter: this.parts.quota.limiter(counted.rules) }
  }
}
