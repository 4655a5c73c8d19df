/**
 * A connection to Redis for calls that somebody waits for: each has a time budget of milliseconds, so nothing waits for a connection and nothing is sent
 * twice by itself. Without a ready connection a call fails at once, and after five that were not answered nobody asks for a second.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SluiceError } from '@sluice/errors'
import { RedisBreaker } from './redis-breaker.ts'
import { connectRedis, soon, type Client } from './redis-connection.ts'
import type { RedisConnectionSettings } from './redis-settings.ts'

export interface BudgetedRedisParts {
  /** Told of what the connection has to say: a refused password, a server that is too old. May come often. */
  readonly onConnectionError?: ((error: unknown) => void) | undefined
  /** A connection stands, the first or another one. */
  readonly onReady: () => void
  /** What is there, for the sentences of errors: `the counters`. */
  readonly name: string
  /** The error of a call that came to nothing. */
  readonly unreachable: (detail: string, cause: unknown) => SluiceError
  readonly clock?: { monotonic(): number } | undefined
}

/** Connects in the background, for as long as it takes. Throws `config.invalid` for a file that cannot be read. */
export class BudgetedRedis {
  readonly client: Client
  readonly #parts: BudgetedRedisParts
  readonly #timeoutMs: number
  readonly #breaker: RedisBreaker
  #isClosed = false

  constructor(settings: RedisConnectionSettings, parts: BudgetedRedisParts) {
    this.#parts = parts
    this.#timeoutMs = settings.timeoutMs
    this.#breaker = new RedisBreaker(parts.clock ?? { monotonic: () => performance.now() })
    this.client = connectRedis(settings)
    for (const event of ['error', 'node error']) this.client.on(event, (error: Error) => void parts.onConnectionError?.(error))
    this.client.on('end', () => setTimeout(() => this.#connectAgain(), soon()).unref())
    this.client.on('ready', () => {
      this.#breaker.answered()
      parts.onReady()
    })
  }

  /** Whether a call would be tried now. */
  get healthy(): boolean {
    return this.client.status === 'ready' && !this.#breaker.isOpen
  }

  /** Runs `call` within the budget; whatever goes wrong is `unreachable`. */
  async inTime<T>(call: () => Promise<T>): Promise<T> {
    const { name, unreachable } = this.#parts
    if (this.client.status !== 'ready') throw unreachable(`There is no connection to ${name}`, undefined)
    if (!this.#breaker.admit()) throw unreachable(`${capital(name)} have stopped answering`, undefined)
    try {
      const answer = await withBudget(call(), this.#timeoutMs)
      this.#breaker.answered()
      return answer
    } catch (error) {
      if (error !== tooLate) throw unreachable(`${capital(name)} could not be asked`, error)
      this.#breaker.timedOut()
      throw unreachable(`${capital(name)} did not answer within ${this.#timeoutMs} ms`, undefined)
    }
  }

  /** Lets calls under way finish, for a second at most. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.client.status === 'ready') {
      await Promise.race([this.client.quit().catch(() => {}), sleep(1000, undefined, { ref: false })])
    }
    this.client.disconnect()
  }

  /** The client ends by itself when sentinels tell of a new primary while it tries to reach the old one (ioredis 6.0). */
  #connectAgain(): void {
    if (!this.#isClosed && this.client.status === 'end') this.client.connect().catch(() => {})
  }
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

function capital(name: string): string {
  return `${name[0]!.toUpperCase()}${name.slice(1)}`
}
