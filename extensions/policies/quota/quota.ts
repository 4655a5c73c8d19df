import { hash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { retryAfter } from '../limit-fields.ts'
import { compileKey } from '../limit-key.ts'
import { keyParts } from '../limit-key-setting.ts'
import { limitStatement } from '../limit-statement.ts'
import { type HookResult, type Limiter, type LimiterRules, type LimitVerdict, type Policy, type PolicyParts, refuse } from '../policy.ts'
import { periodAt } from './period.ts'
import type { QuotaSettings } from './schema.ts'

const countersAway = refuse('dependency.counters_unreachable')
const rollingSeconds = { day: 86_400, month: 30 * 86_400 } as const

export function compile(settings: QuotaSettings, parts: PolicyParts): Policy {
  return new Quota(settings, parts)
}

interface CountedPeriod {
  readonly rules: LimiterRules
  readonly limiter: Limiter
  readonly startMs: number
  readonly endMs: number
}

/** Takes from a count of a whole day or month; the next one begins with the first request in it. */
class Quota implements Policy {
  private readonly settings: QuotaSettings
  private readonly parts: PolicyParts
  private readonly counter: string
  private readonly keyOf: (exchange: Exchange) => string
  private counted: CountedPeriod

  constructor(settings: QuotaSettings, parts: PolicyParts) {
    this.settings = settings
    this.parts = parts
    const { level, name } = parts.place
    const key = keyParts(settings)
    this.keyOf = compileKey(key)
    // A limit that was changed goes on with what is counted: nobody's month begins anew with a larger plan.
    const meaning = hash('sha256', JSON.stringify([settings.period, settings.window, key]), 'base64url').slice(0, 12)
    this.counter = `${level}/quota/${name}/${meaning}`
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
    const { name } = this.parts.place
    if (verdict.decidedBy === 'closed') return countersAway
    exchange.limits.push(limitStatement(name, rules, verdict))
    return verdict.admitted ? undefined : refuse('policy.quota_spent', undefined, ['Retry-After', retryAfter(verdict.retryAfterMs)])
  }

  private countedAt(now: number): CountedPeriod {
    const { period, window, limit, failure } = this.settings
    const common = { limit, burst: limit, maxWaitMs: 0, mode: 'exact', failure } as const
    if (window === 'rolling') {
      const rules: LimiterRules = { ...common, counter: this.counter, algorithm: 'sliding-window', windowSeconds: rollingSeconds[period] }
      return { rules, limiter: this.parts.quota.limiter(rules), startMs: -Infinity, endMs: Infinity }
    }
    const { name, startMs, endMs } = periodAt(period, now)
    // Each period is a key of its own: months differ in length, and edges need not agree on the instant of midnight.
    const rules: LimiterRules = { ...common, counter: `${this.counter}/${name}`, algorithm: 'fixed-window', windowSeconds: (endMs - startMs) / 1000, originMs: startMs }
    return { rules, limiter: this.parts.quota.limiter(rules), startMs, endMs }
  }
}
