import type { Exchange } from './exchange.ts'
import { type HookResult, refuse } from './policy.ts'

interface Held {
  readonly timer: NodeJS.Timeout
  readonly end: () => void
}

/** Exchanges that all policies of a process hold at once: each costs a connection, a timer and what was read of it. */
const maxHeld = 10_000
let heldInAll = 0

// Nobody reads it: the client is gone. It ends the walk.
const gone = refuse('client.aborted')

/** Exchanges that a policy makes wait. Its `onDone` must call `release` for every exchange. */
export class HeldExchanges {
  private readonly held = new Map<Exchange, Held>()

  get size(): number {
    return this.held.size
  }

  /**
   * Resolves after `ms` with `undefined`, so that the walk goes on; at once with a refusal when the exchange is over
   * before that, and `onGone` is called. Answers `undefined` when too many are held already.
   */
  hold(exchange: Exchange, ms: number, onGone: () => void): Promise<HookResult> | undefined {
    if (heldInAll >= maxHeld) return undefined
    if (exchange.isOver) {
      onGone()
      return Promise.resolve(gone)
    }
    heldInAll++
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.forget(exchange)
        resolve(undefined)
      }, Math.ceil(ms))
      const end = (): void => {
        onGone()
        resolve(gone)
      }
      this.held.set(exchange, { timer, end })
    })
  }

  /** The exchange is over. */
  release(exchange: Exchange): void {
    const held = this.held.size === 0 ? undefined : this.held.get(exchange)
    if (held === undefined) return
    clearTimeout(held.timer)
    this.forget(exchange)
    held.end()
  }

  private forget(exchange: Exchange): void {
    this.held.delete(exchange)
    heldInAll--
  }
}
