/** What edges tell of consumers that come near to the end of their quotas: the newest of it, in memory. */
import type { Bus, Subscription } from '@sluice/buses/bus'
import { oncePerMinute } from '@sluice/buses/once-per-minute'
import { listen } from '@sluice/buses/rpc'
import { type QuotaReached, QuotaReachedSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Logger } from '@sluice/service-kit'

export interface QuotaEventsParts {
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
}

export type QuotaEvent = Omit<QuotaReached, '$typeName' | '$unknown' | 'scope'>

export const maxQuotaEvents = 1000

/** Every control hears all of them, so that each can be asked. */
export class QuotaEvents {
  readonly #parts: QuotaEventsParts
  /** By what they say: a threshold that is crossed again in the same period is no news. The oldest first. */
  readonly #held = new Map<string, QuotaEvent>()
  #subscription: Subscription | undefined

  constructor(parts: QuotaEventsParts) {
    this.#parts = parts
  }

  start(): void {
    const { bus, scope, logger } = this.#parts
    const onMalformed = oncePerMinute((subject: string, error: unknown, leftOut) => logger.warn({ subject, err: error, leftOut }, 'malformed event of a quota'))
    this.#subscription ??= listen(bus, subjects.quotaReached(scope), QuotaReachedSchema, (event) => this.#hear(event), { onMalformed })
  }

  stop(): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
  }

  /** The newest first. */
  list(): QuotaEvent[] {
    return [...this.#held.values()].reverse()
  }

  #hear({ edge, atMs, datacenter, consumer, level, name, route, percent, limit, period, window }: QuotaReached): void {
    const key = JSON.stringify([datacenter, consumer, level, name, route, percent, limit, period, window])
    if (this.#held.has(key)) return
    this.#held.set(key, { edge, atMs, datacenter, consumer, level, name, route, percent, limit, period, window })
    if (this.#held.size > maxQuotaEvents) this.#held.delete(this.#held.keys().next().value!)
  }
}
