import type { Bus, Subscription } from '@sluice/buses/bus'
import { answer } from '@sluice/buses/rpc'
import type { Counters } from '@sluice/counters/counter'
import { LimitPeekReplySchema, LimitPeekRequestSchema, LimitResetReplySchema, LimitResetRequestSchema } from '@sluice/proto/messages/ratelimit'
import { queues, subjects } from '@sluice/proto/subjects'
import { messageProblems, type Clock, type Health, type Logger, type MetricsRegistry, type Service } from '@sluice/service-kit'
import { answerPeek } from './handlers/peek.ts'
import { answerReset } from './handlers/reset.ts'

export interface RatelimitParts {
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  /** The same that the edges count in. Stays open: it belongs to the caller. */
  readonly counters: Counters
}

/** The owner of quotas: tells what is left of one and lets one start afresh. The edges count in the counters themselves. */
export function createRatelimit(parts: RatelimitParts): Service {
  return new Ratelimit(parts)
}

class Ratelimit implements Service {
  readonly #parts: RatelimitParts
  #subscriptions: Subscription[] = []

  constructor(parts: RatelimitParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    const { bus, scope, counters } = this.#parts
    const options = { queue: queues.ratelimit, ...messageProblems(this.#parts) }
    const peek = { request: LimitPeekRequestSchema, reply: LimitPeekReplySchema }
    const reset = { request: LimitResetRequestSchema, reply: LimitResetReplySchema }
    this.#subscriptions = [
      answer(bus, subjects.limitPeek(scope), peek, (request) => answerPeek(counters, scope, request), options),
      answer(bus, subjects.limitReset(scope), reset, (request) => answerReset(counters, scope, request), options),
    ]
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
  }

  health(): Health {
    const reasons: string[] = []
    if (this.#subscriptions.length === 0) reasons.push('it has not started')
    if (this.#parts.bus.status !== 'connected') reasons.push('the bus cannot be reached')
    if (!this.#parts.counters.healthy) reasons.push('the counters cannot be reached')
    return { ready: reasons.length === 0, reasons }
  }
}
