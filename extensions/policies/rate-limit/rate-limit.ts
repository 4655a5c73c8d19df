import { hash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { HeldExchanges } from '../held-exchanges.ts'
import { retryAfter } from '../limit-fields.ts'
import { limitStatement } from '../limit-statement.ts'
import { type HookResult, type LimiterRules, type LimitVerdict, type Policy, type PolicyParts, refuse } from '../policy.ts'
import { compileKey } from '../limit-key.ts'
import { keyParts } from '../limit-key-setting.ts'
import { defaultAnonymousLimit, defaultConsumerLimit, defaultMaxWaitMs, hasBucket, type RateLimitSettings } from './schema.ts'

const countersAway = refuse('dependency.counters_unreachable')

export function compile(settings: RateLimitSettings, parts: PolicyParts): Policy {
  // In shadow nobody is made to wait.
  return settings.algorithm === 'leaky-bucket' && settings.shadow !== true ? new QueueingRateLimit(settings, parts) : new RateLimit(settings, parts)
}

interface Limit {
  readonly rules: LimiterRules
  readonly limiter: ReturnType<PolicyParts['quota']['limiter']>
}

/** Takes from a count for each request; the response fields are written where responses are. */
class RateLimit implements Policy {
  protected readonly cost: number
  private readonly name: string
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
    const key = this.keyOf(exchange)
    const verdict = limit.limiter.take(key, this.cost)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, limit, key, exchange)) : this.decide(verdict, limit, key, exchange)
  }

  private decide(verdict: LimitVerdict, limit: Limit, key: string, exchange: Exchange): HookResult | Promise<HookResult> {
    if (verdict.decidedBy === 'closed') return countersAway
    exchange.limits.push(limitStatement(this.name, limit.rules, verdict))
    if (!verdict.admitted) return spent(verdict.retryAfterMs)
    return verdict.waitMs === 0 ? undefined : this.wait(verdict, limit, key, exchange)
  }

  protected wait(_verdict: LimitVerdict, _limit: Limit, _key: string, _exchange: Exchange): HookResult | Promise<HookResult> {
    return undefined
  }
}

/** The leaky bucket: requests wait here for their turn, and whoever leaves gives the place back. */
class QueueingRateLimit extends RateLimit {
  private readonly waiting = new HeldExchanges()

  protected override wait(verdict: LimitVerdict, { limiter }: Limit, key: string, exchange: Exchange): HookResult | Promise<HookResult> {
    const returnPlace = (): void => limiter.giveBack(key, this.cost, verdict)
    const held = this.waiting.hold(exchange, verdict.waitMs, returnPlace)
    if (held !== undefined) return held
    returnPlace()
    return spent(verdict.waitMs)
  }

  onDone(exchange: Exchange): void {
    this.waiting.release(exchange)
  }
}

function spent(retryAfterMs: number): HookResult {
  return refuse('policy.limit_exceeded', undefined, ['Retry-After', retryAfter(retryAfterMs)])
}

function limitOf(settings: RateLimitSettings, limit: number, parts: PolicyParts): Limit {
  const { algorithm, windowSeconds, maxWaitMs, failure, mode, scope } = settings
  const burst = hasBucket(algorithm) ? (settings.burst ?? limit) : limit
  // What the kept count depends on: when one of these changes, counting starts anew.
  const meaning = JSON.stringify([algorithm, limit, windowSeconds, burst, keyParts(settings)])
  const { level, name } = parts.place
  const counter = `${level}/${name}/${hash('sha256', meaning, 'base64url').slice(0, 12)}`
  const rules: LimiterRules = { counter, algorithm, limit, windowSeconds, burst, maxWaitMs: maxWaitMs ?? defaultMaxWaitMs, mode, scope, failure }
  return { rules, limiter: parts.quota.limiter(rules) }
}
