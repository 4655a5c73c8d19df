/**
 * Purges of the edges' caches: told to all of them at once, and for a while remembered, so that an edge that was cut off can ask what it has missed. Every
 * control hears what the others purge. Nothing of it is in a store: an edge that nobody can tell confirms what it keeps with its upstreams.
 */
import { randomUUID } from 'node:crypto'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { Bus, Subscription } from '@sluice/buses/bus'
import { answer, listen } from '@sluice/buses/rpc'
import { createSequencedPublisher, type SequencedPublisher, subscribeSequenced } from '@sluice/buses/sequenced'
import { SluiceError } from '@sluice/errors'
import { type CachePurge, type CachePurged, CachePurgedSchema, CachePurgeSchema, CachePurgesReplySchema, CachePurgesRequestSchema } from '@sluice/proto/messages/cache'
import { subjects } from '@sluice/proto/subjects'
import { oncePerMinute, type Clock, type Logger } from '@sluice/service-kit'
import type { Receipt } from '../rollout/receipts.ts'

export interface CachePurgesParts {
  readonly bus: Bus
  readonly scope: string
  readonly clock: Clock
  readonly logger: Logger
  /** Those that are to do it. */
  readonly liveEdges: () => readonly { readonly name: string; readonly workers: number }[]
}

/** What is to be answered with no more. */
export interface Purged {
  /** As `//host/path?query`. */
  readonly urls: readonly string[]
  readonly prefixes: readonly string[]
  readonly tags: readonly string[]
  readonly everything: boolean
}

interface Waiting {
  /** By edge, the workers that have done it. */
  readonly done: Map<string, Set<string>>
  end(): void
}

/** Purges that are remembered; those of more than an hour ago are not. */
const maxRemembered = 10_000
const rememberedMs = 3_600_000
/** In one answer, which is a few hundred kilobytes, then. */
const maxTold = 500

export class CachePurges {
  readonly #parts: CachePurgesParts
  /** The oldest first; `heardAt` is on the monotonic clock. */
  readonly #remembered: { readonly heardAt: number; readonly purge: CachePurge }[] = []
  /** Since when nothing can have gone unheard here. */
  #completeSince = 0
  readonly #waiting = new Map<string, Waiting>()
  #publisher: SequencedPublisher | undefined
  #subscriptions: Subscription[] = []
  #isNewcomer = false

  constructor(parts: CachePurgesParts) {
    this.#parts = parts
  }

  start(): void {
    const { bus, scope, clock, logger } = this.#parts
    const onMalformed = oncePerMinute((subject, times, error: unknown) => logger.warn({ subject, err: error, times }, 'a message on purges cannot be read'))
    this.#completeSince = clock.monotonic()
    const heard = subscribeSequenced(bus, subjects.cachePurge(scope), {
      onMessage: (body) => this.#remember(fromBinary(CachePurgeSchema, body)),
      onPublisher: (_, missed) => void (this.#isNewcomer = missed === 0),
      onGap: () => this.#onGap(),
      onMalformed,
    }, { clock })
    const done = listen(bus, subjects.cachePurged(scope), CachePurgedSchema, (message) => this.#onDone(message), { onMalformed })
    const types = { request: CachePurgesRequestSchema, reply: CachePurgesReplySchema }
    const asked = answer(bus, subjects.cachePurges(scope), types, ({ sinceMs }) => this.#since(sinceMs), { queue: 'control', onMalformed })
    this.#subscriptions = [heard, done, asked]
    this.#publisher = createSequencedPublisher(bus, subjects.cachePurge(scope))
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    this.#publisher?.stop()
    for (const { end } of [...this.#waiting.values()]) end()
  }

  /**
   * Tells every edge. With `timeoutMs` waits until all workers of those that are live have done it, or for so long; without, answers undefined at once. Throws
   * `dependency.bus_unreachable`.
   */
  async purge(purged: Purged, timeoutMs: number | undefined): Promise<Receipt | undefined> {
    const { bus, scope, clock } = this.#parts
    if (bus.status !== 'connected') throw new SluiceError('dependency.bus_unreachable', { detail: 'The edges cannot be told what to purge' })
    const id = randomUUID()
    const purge: MessageInitShape<typeof CachePurgeSchema> = { scope, id, urls: [...purged.urls], prefixes: [...purged.prefixes], tags: [...purged.tags], everything: purged.everything }
    const since = clock.monotonic()
    const receipt = timeoutMs === undefined ? undefined : this.#wait(id, since, timeoutMs)
    this.#publisher!.publish(toBinary(CachePurgeSchema, create(CachePurgeSchema, purge)))
    return receipt
  }

  #wait(id: string, since: number, timeoutMs: number): Promise<Receipt> {
    return new Promise((resolve) => {
      const done = new Map<string, Set<string>>()
      const end = () => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        resolve(this.#receipt(done, since))
      }
      const timer = setTimeout(end, timeoutMs)
      this.#waiting.set(id, { done, end })
      if (this.#missing(done).length === 0) end()
    })
  }

  #missing(done: ReadonlyMap<string, ReadonlySet<string>>): string[] {
    return this.#parts.liveEdges().filter(({ name, workers }) => (done.get(name)?.size ?? 0) < Math.max(1, workers)).map(({ name }) => name)
  }

  #receipt(done: ReadonlyMap<string, ReadonlySet<string>>, since: number): Receipt {
    const missing = this.#missing(done)
    const expected = this.#parts.liveEdges().length
    return { acknowledged: expected - missing.length, expected, missing, refused: [], propagationMs: missing.length === 0 ? Math.max(0, Math.round(this.#parts.clock.monotonic() - since)) : undefined }
  }

  #onDone({ id, edge, worker }: CachePurged): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    const workers = waiting.done.get(edge) ?? new Set()
    waiting.done.set(edge, workers.add(worker))
    if (this.#missing(waiting.done).length === 0) waiting.end()
  }

  #onGap(): void {
    const isNewcomer = this.#isNewcomer
    this.#isNewcomer = false
    if (!isNewcomer) this.#completeSince = this.#parts.clock.monotonic()
  }

  #remember(purge: CachePurge): void {
    const now = this.#parts.clock.monotonic()
    this.#remembered.push({ heardAt: now, purge })
    while (this.#remembered.length > maxRemembered || this.#remembered[0]!.heardAt < now - rememberedMs) this.#completeSince = Math.max(this.#completeSince, this.#remembered.shift()!.heardAt)
  }

  #since(ms: number): { purges: CachePurge[]; complete: boolean } {
    const from = this.#parts.clock.monotonic() - ms
    const purges = this.#remembered.filter(({ heardAt }) => heardAt >= from).map(({ purge }) => purge)
    const isShort = purges.length <= maxTold && from >= this.#completeSince
    return { purges: isShort ? purges : [], complete: isShort }
  }
}
