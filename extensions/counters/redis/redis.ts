/**
 * Counters in Redis: one function call a take. A call has a time budget of milliseconds, so nothing waits for a
 * connection and nothing is sent twice by itself: without a ready connection a call fails at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '@sluice/errors'
import type { Counters, LimitRule, Take } from '../counter.ts'
import { checkCharge, checkRule } from '../rule-check.ts'
import { readSettings } from '../settings.ts'
import { Breaker } from './breaker.ts'
import { giveBackFunction, librarySource, peekFunction, takeFunction } from './library.ts'
import { connectRedis, primariesOf, soon, type Client, type Settings } from './redis-client.ts'
import { type RedisCountersSettings, schema } from './schema.ts'

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
  readonly #settings: Settings
  readonly #client: Client
  readonly #breaker: Breaker
  #loading: Promise<void> | undefined
  #isClosed = false

  constructor(settings: Settings, parts: RedisCountersParts) {
    this.#settings = settings
    this.#breaker = new Breaker(parts.clock ?? { monotonic: () => performance.now() })
    this.#client = connectRedis(settings)
    for (const event of ['error', 'node error']) this.#client.on(event, (error: Error) => void parts.onConnectionError?.(error))
    this.#client.on('end', () => setTimeout(() => this.#connectAgain(), soon()).unref())
    this.#client.on('ready', () => {
      this.#breaker.answered()
      this.#loadLibrary().catch((error: unknown) => parts.onConnectionError?.(error))
    })
  }

  get healthy(): boolean {
    return this.#client.status === 'ready' && !this.#breaker.isOpen
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
    return (await this.#inTime(() => this.#client.del(this.#settings.keyPrefix + key))) === 1
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#client.status === 'ready') {
      await Promise.race([this.#client.quit().catch(() => {}), sleep(1000, undefined, { ref: false })])
    }
    this.#client.disconnect()
  }

  /** The client ends by itself when sentinels tell of a new primary while it tries to reach the old one (ioredis 6.0). */
  #connectAgain(): void {
    if (!this.#isClosed && this.#client.status === 'end') this.#client.connect().catch(() => {})
  }

  /** One call, and a second one if the server had lost the library: emptied, replaced, or a replica that took over. */
  async #call(name: string, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const run = () => this.#client.fcall(name, 1, this.#settings.keyPrefix + key, ...args)
    return this.#inTime(async () => {
      try {
        return await run()
      } catch (error) {
        if (!isFunctionMissing(error)) throw error
        await this.#loadLibrary()
        return run()
      }
    })
  }

  /** Runs `call` within the budget; whatever goes wrong is `dependency.counters_unreachable`. */
  async #inTime<T>(call: () => Promise<T>): Promise<T> {
    if (this.#client.status !== 'ready') throw unreachable('There is no connection to the counters')
    if (!this.#breaker.admit()) throw unreachable('The counters have stopped answering')
    try {
      const answer = await withBudget(call(), this.#settings.timeoutMs)
      this.#breaker.answered()
      return answer
    } catch (error) {
      if (error === tooLate) this.#breaker.timedOut()
      throw unreachable(error === tooLate ? `The counters did not answer within ${this.#settings.timeoutMs} ms` : 'The counters could not be asked', error)
    }
  }

  #loadLibrary(): Promise<void> {
    this.#loading ??= loadEverywhere(this.#client).finally(() => (this.#loading = undefined))
    return this.#loading
  }
}

/** Of a cluster's primaries one may be away: it gets the library when it is missed there. */
async function loadEverywhere(client: Client): Promise<void> {
  const loads = await Promise.allSettled(primariesOf(client).map((primary) => primary.function('LOAD', 'REPLACE', librarySource)))
  const failed = loads.find((load) => load.status === 'rejected')
  if (failed !== undefined && loads.every((load) => load.status === 'rejected')) throw failed.reason
}

const tooLate = Symbol('too late')

// A timer that fires this much late says that this process was held up, not that the server was.
const heldUpMs = 5

/**
 * Rejects with `tooLate` after `ms`. When the event loop was held up meanwhile the reply may lie in the socket, or the
 * call not have left yet: it then gets its time once more, or a pause of ours would pass for an outage of theirs.
 */
function withBudget<T>(answer: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout
    const wait = (isLast: boolean) => {
      const due = performance.now() + ms
      timer = setTimeout(() => {
        if (!isLast && performance.now() - due > heldUpMs) wait(true)
        else setImmediate(reject, tooLate) // after what the sockets hold has been read
      }, ms)
    }
    wait(false)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
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

function unreachable(detail: string, cause?: unknown): SluiceError {
  return new SluiceError('dependency.counters_unreachable', { detail, cause: cause === tooLate ? undefined : cause })
}
