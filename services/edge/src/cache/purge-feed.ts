/**
 * Hears what is purged. While the bus is there every purge is heard, or it shows that one was missed: by its number, or because the bus was away. Then what
 * is kept is confirmed by its upstream before it is used, until control has told what was purged meanwhile; where control cannot tell all of it, for good.
 */
import { randomUUID } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Bus, Subscription } from '@sluice/buses/bus'
import { announce, call, listen } from '@sluice/buses/rpc'
import { subscribeSequenced } from '@sluice/buses/sequenced'
import { CacheOvertakenSchema, CachePurgedSchema, CachePurgeSchema, CachePurgesReplySchema, CachePurgesRequestSchema } from '@sluice/proto/messages/cache'
import { subjects } from '@sluice/proto/subjects'
import type { Clock } from '@sluice/service-kit'
import type { ResponseCache } from './response-cache.ts'

export interface PurgeFeedParts {
  readonly bus: Bus
  readonly scope: string
  readonly edge: string
  /** Tells this worker from the others of its edge. */
  readonly worker: string
  readonly clock: Clock
  readonly cache: Pick<ResponseCache, 'purge' | 'overtaken' | 'doubt' | 'settle'>
  readonly onMalformed: (subject: string, error: unknown) => void
  /** A purge could not be done. */
  readonly onError: (subject: string, error: unknown) => void
}

/** A connection that hangs is noticed after six seconds; what was said meanwhile is lost as well. */
const marginMs = 10_000
const timeoutMs = 2000
const askAgainMs = 1000
/** How long URLs that were overtaken are gathered before the others are told, and how many go in a message. */
const gatherMs = 10
const maxGathered = 1000

export class PurgeFeed {
  readonly #parts: PurgeFeedParts
  #subscriptions: Subscription[] = []
  /** Since when something may have gone unheard, on the monotonic clock; undefined: nothing can have. */
  #deafSince: number | undefined
  #isAsking = false
  /** Times that something may have been missed. */
  #gaps = 0
  #again: NodeJS.Timeout | undefined
  #isNewcomer = false
  #overtaken = new Set<string>()
  #telling: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(parts: PurgeFeedParts) {
    this.#parts = parts
  }

  start(): void {
    const { bus, scope, worker, clock, cache, onMalformed, onError } = this.#parts
    this.#deafSince = clock.monotonic()
    const purges = subscribeSequenced(bus, subjects.cachePurge(scope), {
      onMessage: (body) => this.#hear(body),
      // One that has purged nothing yet cannot have said anything unheard.
      onPublisher: (_, missed) => void (this.#isNewcomer = missed === 0),
      onGap: () => this.#onGap(),
      onMalformed,
      onError,
    }, { clock })
    const overtaken = listen(bus, subjects.cacheOvertaken(scope), CacheOvertakenSchema, (message) => {
      if (message.worker !== worker || message.edge !== this.#parts.edge) cache.overtaken(message.id, message.urls)
    }, { onMalformed })
    const statuses = bus.onStatus((status) => {
      if (status !== 'connected') this.#deafSince ??= clock.monotonic() - marginMs
    })
    this.#subscriptions = [purges, overtaken, statuses]
    this.#catchUp()
  }

  stop(): void {
    this.#isStopped = true
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    clearTimeout(this.#again)
    clearTimeout(this.#telling)
  }

  /** Tells the other workers, and those of other edges, of URLs whose responses are not current any more. */
  tellOvertaken(urls: readonly string[]): void {
    for (const url of urls) this.#overtaken.add(url)
    if (this.#overtaken.size >= maxGathered) this.#tellGathered()
    else this.#telling ??= setTimeout(() => this.#tellGathered(), gatherMs).unref()
  }

  #tellGathered(): void {
    const { bus, scope, edge, worker, cache } = this.#parts
    clearTimeout(this.#telling)
    this.#telling = undefined
    const [id, urls] = [randomUUID(), [...this.#overtaken]]
    announce(bus, subjects.cacheOvertaken(scope), CacheOvertakenSchema, { scope, id, edge, worker, urls })
    cache.overtaken(id, urls)
    this.#overtaken.clear()
  }

  #onGap(): void {
    const isNewcomer = this.#isNewcomer
    this.#isNewcomer = false
    if (isNewcomer) return
    this.#deafSince ??= this.#parts.clock.monotonic() - marginMs
    this.#catchUp()
  }

  /** A worker that could not tell the store that all edges share is missing in the receipt. */
  async #hear(body: Uint8Array): Promise<void> {
    const { bus, scope, edge, worker } = this.#parts
    const purge = fromBinary(CachePurgeSchema, body)
    await this.#parts.cache.purge(purge)
    bus.publish(subjects.cachePurged(scope), toBinary(CachePurgedSchema, create(CachePurgedSchema, { scope, id: purge.id, edge, worker })))
  }

  #catchUp(): void {
    this.#gaps++
    this.#parts.cache.doubt()
    if (this.#isAsking || this.#isStopped) return
    clearTimeout(this.#again)
    void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#isAsking = true
    await this.#askOnce()
    this.#isAsking = false
  }

  async #askOnce(): Promise<void> {
    const { bus, scope, clock, cache } = this.#parts
    const types = { request: CachePurgesRequestSchema, reply: CachePurgesReplySchema }
    const asked = clock.monotonic()
    const gaps = this.#gaps
    try {
      const { purges, complete } = await call(bus, subjects.cachePurges(scope), types, { scope, sinceMs: asked - (this.#deafSince ?? asked) }, { timeoutMs })
      await Promise.all(purges.map((purge) => cache.purge(purge)))
      if (gaps !== this.#gaps) return this.#askSoon()
      cache.settle(complete)
      this.#deafSince = undefined
    } catch {
      // Control is away, or the bus: what is kept stays in doubt until one of them can be asked.
      this.#askSoon()
    }
  }

  #askSoon(): void {
    if (!this.#isStopped) this.#again = setTimeout(() => this.#ask(), askAgainMs).unref()
  }
}
