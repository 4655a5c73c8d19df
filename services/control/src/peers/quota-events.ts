/** What edges tell of consumers that come near to the end of their quotas: the newest of it, kept in the store. */
import type { Bus, Subscription } from '@sluice/buses/bus'
import { listen } from '@sluice/buses/rpc'
import type { ConfigStore, StoredEvent } from '@sluice/config-stores/config-store'
import { type QuotaReached, QuotaReachedSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { oncePerMinute, type Logger } from '@sluice/service-kit'

export interface QuotaEventsParts {
  readonly bus: Bus
  readonly scope: string
  readonly store: Pick<ConfigStore, 'appendEvent' | 'listEvents'>
  readonly logger: Logger
}

export type QuotaEvent = Omit<QuotaReached, '$typeName' | '$unknown' | 'scope'>

export const maxQuotaEvents = 1000
/** How soon the store is tried again. */
const retryMs = 2000

/** Every control hears all of them, so that each can be asked; the store has each once, and what was heard before a start. */
export class QuotaEvents {
  readonly #parts: QuotaEventsParts
  /** By what they say: a threshold that is crossed again in the same period is no news. The oldest first. */
  #held = new Map<string, QuotaEvent>()
  /** What the store does not have yet; the oldest first, and no more than are shown. */
  #unstored: StoredEvent[] = []
  #isStoring = false
  #timer: NodeJS.Timeout | undefined
  #ends: Subscription[] = []
  #isStopped = false

  constructor(parts: QuotaEventsParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#ends.length > 0) return
    const { bus, scope, logger } = this.#parts
    const onMalformed = oncePerMinute((subject, times, error: unknown) => logger.warn({ subject, err: error, times }, 'malformed event of a quota'))
    this.#ends = [
      listen(bus, subjects.quotaReached(scope), QuotaReachedSchema, (event) => this.#hear(event), { onMalformed }),
      // Others may have heard what this one has missed.
      bus.onStatus((status) => {
        if (status === 'connected') void this.recall().catch((error: unknown) => logger.warn({ err: error }, 'the events in the store cannot be read'))
      }),
    ]
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    for (const end of this.#ends.splice(0)) end.unsubscribe()
  }

  /** Takes in what the store has. Throws `dependency.store_unreachable`. */
  async recall(): Promise<void> {
    const { store, scope } = this.#parts
    const stored = await store.listEvents(scope, { limit: maxQuotaEvents })
    const known = new Map<string, QuotaEvent>(stored.reverse().flatMap(({ key, body }) => (key.startsWith(keyPrefix) ? [[key, JSON.parse(body) as QuotaEvent] as const] : [])))
    const all = new Map([...known, ...this.#held])
    this.#held = new Map([...all].sort(([, one], [, other]) => one.atMs - other.atMs).slice(-maxQuotaEvents))
  }

  /** The newest first. */
  list(): QuotaEvent[] {
    return [...this.#held.values()].reverse()
  }

  #hear({ edge, atMs, datacenter, consumer, level, name, route, percent, limit, period, window }: QuotaReached): void {
    const key = keyPrefix + JSON.stringify([datacenter, consumer, level, name, route, percent, limit, period, window])
    if (this.#held.has(key)) return
    const event = { edge, atMs, datacenter, consumer, level, name, route, percent, limit, period, window }
    this.#held.set(key, event)
    if (this.#held.size > maxQuotaEvents) this.#held.delete(this.#held.keys().next().value!)
    this.#unstored.push({ scope: this.#parts.scope, atMs: Math.round(atMs), key, body: JSON.stringify(event) })
    if (this.#unstored.length > maxQuotaEvents) this.#unstored.shift()
    void this.#store()
  }

  /** One after the other; what the store does not take waits, the newest of it. */
  async #store(): Promise<void> {
    if (this.#isStoring) return
    this.#isStoring = true
    clearTimeout(this.#timer)
    try {
      while (this.#unstored.length > 0) {
        const event = this.#unstored[0]!
        await this.#parts.store.appendEvent(event)
        if (this.#unstored[0] === event) this.#unstored.shift()
      }
    } catch {
      // The store is away: its own watch tells of it.
      if (!this.#isStopped) this.#timer = setTimeout(() => void this.#store(), retryMs).unref()
    } finally {
      this.#isStoring = false
    }
  }
}

/** Other kinds of events may come to lie beside these. */
const keyPrefix = 'quota:'
