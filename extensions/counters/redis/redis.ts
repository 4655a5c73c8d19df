/**
 * Counters in Redis: one function call a take. A call has a time budget of milliseconds, so nothing waits for a
 * connection and nothing is sent twice by itself: without a ready connection a call fails at once.
 */
import { BudgetedRedis } from '@sluice/databases/budgeted-redis'
import { primariesOf, type Client } from '@sluice/databases/redis-connection'
import { SluiceError } from '@sluice/errors'
import type { Counters, LimitRule, Take } from '../counter.ts'
import { checkCharge, checkRule } from '../rule-check.ts'
import { readSettings } from '../settings.ts'
import { giveBackFunction, librarySource, peekFunction, takeFunction } from './library.ts'
import { type RedisCountersSettings, schema } from './schema.ts'
import type { z } from 'zod'

export interface RedisCountersParts {
  /** Told of what the connection has to say: a refused password, a server that is too old. May come often. */
  readonly onConnectionError?: (error: unknown) => void
  readonly clock?: { monotonic(): number }
}

/**
 * Counts in the Redis of `settings.url`: a server, the primary that sentinels name, or a cluster. Returns at once and
 * connects in the background, for as long as it takes; `healthy` tells. Throws `config.invalid` for settings that do not fit and a file that cannot be read.
 */
export function createRedisCounters(settings: RedisCountersSettings, parts: RedisCountersParts = {}): Counters {
  return new RedisCounters(readSettings(schema, settings), parts)
}

class RedisCounters implements Counters {
  readonly #keyPrefix: string
  readonly #redis: BudgetedRedis
  #loading: Promise<void> | undefined

  constructor(settings: z.output<typeof schema.settings>, parts: RedisCountersParts) {
    this.#keyPrefix = settings.keyPrefix
    this.#redis = new BudgetedRedis(settings, {
      ...parts,
      name: 'the counters',
      unreachable: (detail, cause) => new SluiceError('dependency.counters_unreachable', { detail, cause }),
      onReady: () => void this.#loadLibrary().catch((error: unknown) => parts.onConnectionError?.(error)),
    })
  }

  get healthy(): boolean {
    return this.#redis.healthy
  }

  async take(key: string, rule: LimitRule, cost: number): Promise<Take> {
    checkRule(rule, cost)
    return takeOf(await this.#call(takeFunction, key, ruleArguments(rule, cost)))
  }

  async peek(key: string, rule: LimitRule): Promise<Take> {
    checkRule(rule, 1)
    return takeOf(await this.#call(peekFunction, key, ruleArguments(rule, 1)))
  }

  async giveBack(key: string, rule: LimitRule, cost: number): Promise<void> {
    checkRule(rule, cost)
    await this.#call(giveBackFunction, key, ruleArguments(rule, cost))
  }

  async charge(key: string, rule: LimitRule, cost: number): Promise<void> {
    checkCharge(rule, cost)
    // To give back less than nothing is to count it, whatever is left.
    await this.#call(giveBackFunction, key, ruleArguments(rule, -cost))
  }

  async reset(key: string): Promise<boolean> {
    return (await this.#redis.inTime(() => this.#redis.client.del(this.#keyPrefix + key))) === 1
  }

  close(): Promise<void> {
    return this.#redis.close()
  }

  /** One call, and a second one if the server had lost the library: emptied, replaced, or a replica that took over. */
  async #call(name: string, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const run = () => this.#redis.client.fcall(name, 1, this.#keyPrefix + key, ...args)
    return this.#redis.inTime(async () => {
      try {
        return await run()
      } catch (error) {
        if (!isFunctionMissing(error)) throw error
        await this.#loadLibrary()
        return run()
      }
    })
  }

  #loadLibrary(): Promise<void> {
    this.#loading ??= loadEverywhere(this.#redis.client).finally(() => (this.#loading = undefined))
    return this.#loading
  }
}

/** Of a cluster's primaries one may be away: it gets the library when it is missed there. */
async function loadEverywhere(client: Client): Promise<void> {
  const loads = await Promise.allSettled(primariesOf(client).map((primary) => primary.function('LOAD', 'REPLACE', librarySource)))
  const failed = loads.find((load) => load.status === 'rejected')
  if (failed !== undefined && loads.every((load) => load.status === 'rejected')) throw failed.reason
}

/** Algorithm, limit, window in µs, burst, longest wait in µs, cost and the windows' origin in µs, as the library reads them. */
function ruleArguments(rule: LimitRule, cost: number): (string | number)[] {
  const burst = 'burst' in rule ? rule.burst : rule.limit
  const maxWaitMs = 'maxWaitMs' in rule ? rule.maxWaitMs : 0
  const originMs = 'originMs' in rule ? (rule.originMs ?? 0) : 0
  return [rule.algorithm, rule.limit, rule.windowMs * 1000, burst, maxWaitMs * 1000, cost, originMs * 1000]
}

function takeOf(reply: unknown): Take {
  const [admitted, remaining, resetUs, retryUs, waitUs] = reply as [number, number, number, number, number]
  return { admitted: admitted === 1, remaining, resetMs: resetUs / 1000, retryAfterMs: retryUs < 0 ? Infinity : retryUs / 1000, waitMs: waitUs / 1000 }
}

function isFunctionMissing(error: unknown): boolean {
  return error instanceof Error && /function not found/i.test(error.message)
}
