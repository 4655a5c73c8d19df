import { hash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { retryAfter } from '../limit-fields.ts'
import { type HookResult, type LimiterRules, type LimitVerdict, type Policy, type PolicyParts, refuse } from '../policy.ts'
import { compileKey } from './limit-key.ts'
import { defaultAnonymousLimit, defaultConsumerLimit, keyParts, type RateLimitSettings } from './schema.ts'

const countersAway = refuse('dependency.counters_unreachable')

export function compile(settings: RateLimitSettings, parts: PolicyParts): Policy {
  return new RateLimit(settings, parts)
}

interface Limit {
  readonly rules: LimiterRules
  readonly limiter: ReturnType<PolicyParts['quota']['limiter']>
}

/** Takes from a bucket for each request; the response fields are written where responses are. */
class RateLimit implements Policy {
  private readonly name: string
  private readonly cost: number
  private readonly keyOf: (exchange: Exchange) => string
  private readonly forConsumer: Limit
  private readonly forOthers: Limit

  constructor(settings: RateLimitSettings, parts: PolicyParts) {
    this.name = parts.place.name
    this.cost = settings.cost
    const key = keyParts(settings)
    this.keyOf = compileKey(key)
    this.forOthers = limitOf(settings, settings.limit ?? defaultAnonymousLimit, parts)
    // A consumer's own default means nothing to a count that several consumers share.
    const isConsumers = settings.limit === undefined && key.includes('consumer')
    this.forConsumer = isConsumers ? limitOf(settings, defaultConsumerLimit, parts) : this.forOthers
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const limit = exchange.identity === undefined ? this.forOthers : this.forConsumer
    const verdict = limit.limiter.take(this.keyOf(exchange), this.cost)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, limit.rules, exchange)) : this.decide(verdict, limit.rules, exchange)
  }

  private decide(verdict: LimitVerdict, rules: LimiterRules, exchange: Exchange): HookResult {
    const { admitted, decidedBy } = verdict
    if (decidedBy === 'closed') return countersAway
    exchange.limits.push({
      name: this.name,
      limit: rules.limit,
      windowSeconds: rules.windowSeconds,
      burst: rules.burst,
      remaining: verdict.remaining,
      resetSeconds: Math.ceil(verdict.resetMs / 1000),
      outcome: !admitted ? 'refused' : decidedBy === 'counters' ? 'admitted' : decidedBy,
    })
    return admitted ? undefined : refuse('policy.limit_exceeded', undefined, ['Retry-After', retryAfter(verdict.retryAfterMs)])
  }
}

function limitOf(settings: RateLimitSettings, limit: number, parts: PolicyParts): Limit {
  const { algorithm, windowSeconds, failure, mode } = settings
  const burst = settings.burst ?? limit
  // What the kept count depends on: when one of these changes, counting starts anew.
  const meaning = JSON.stringify([algorithm, limit, windowSeconds, burst, keyParts(settings)])
  const { level, name } = parts.place
  const counter = `${level}/${name}/${hash('sha256', meaning, 'base64url').slice(0, 12)}`
  const rules: LimiterRules = { counter, algorithm, limit, windowSeconds, burst, mode, failure }
  return { rules, limiter: parts.quota.limiter(rules) }
}
