/**
 * The way of a revision to the edges: announced when it is committed here or elsewhere, served to whoever asks, and
 * followed by the reports of those who run it.
 */
import type { Bus, Subscription } from '@sluice/buses/bus'
import { type ConfigRevision, ConfigServing, type ConfigSigner } from '@sluice/buses/config-feed'
import { announce, answer } from '@sluice/buses/rpc'
import type { ConfigStore } from '@sluice/config-stores/config-store'
import { EdgeReportReplySchema, EdgeReportSchema, RollCallSchema, type EdgeReport } from '@sluice/proto/messages/control'
import { queues, subjects } from '@sluice/proto/subjects'
import { oncePerMinute, type Clock, type Logger } from '@sluice/service-kit'
import type { StoredRevisions } from '../revisions/stored-revisions.ts'
import type { Ring } from '../revisions/stored-body.ts'
import { ConnectedTime } from './connected-time.ts'
import { EdgeMemory } from './edge-memory.ts'
import { type Edge, EdgeRegistry } from './edge-registry.ts'
import { type Goal, type Receipt, Receipts } from './receipts.ts'

export interface RolloutParts {
  readonly bus: Bus
  readonly scope: string
  readonly store: ConfigStore
  readonly stored: StoredRevisions
  readonly clock: Clock
  readonly logger: Logger
  /** What revisions are signed with; left out, they go unsigned. */
  readonly signer?: ConfigSigner | undefined
}

/** A revision on its way: to everybody, or to the edges of a ring while the others run another one. */
export interface Announced extends ConfigRevision {
  readonly ring?: Ring | undefined
  /** What the others run. */
  readonly stable?: ConfigRevision | undefined
}

/**
 * A change that comes sooner than this after the last announcement waits, and is announced with those that come until then: a
 * flood of changes costs each edge at most 25 new revisions a second, and a lone one waits for nothing.
 */
const gatherMs = 40
const sweepMs = 1000
/** How often edges tell of their traffic while a revision is tried on some. */
const trafficEveryMs = 2000

export class Rollout {
  readonly #parts: RolloutParts
  readonly #time: ConnectedTime
  readonly #registry: EdgeRegistry
  readonly #receipts: Receipts
  readonly #memory: EdgeMemory
  /** Answers who asks for the head, by whatever way. */
  readonly serving: ConfigServing
  readonly #running: (() => void)[] = []
  #head: Announced | undefined
  /** What was announced last, when, and what is to come. */
  #told: Announced | undefined
  #toldAt = -Infinity
  #teller: NodeJS.Timeout | undefined
  #isReading = false
  #hasMoved = false

  constructor(parts: RolloutParts) {
    this.#parts = parts
    this.#time = new ConnectedTime(parts.bus, parts.clock)
    this.#registry = new EdgeRegistry(parts.clock, this.#time)
    this.#receipts = new Receipts(this.#registry, parts.clock)
    this.#memory = new EdgeMemory(parts, this.#registry)
    const { scope, signer, stored } = parts
    this.serving = new ConfigServing({ scope, signer, head: (edge) => this.#answerHead(edge), recent: (revision, digest) => stored.recent(revision, digest) })
  }

  /** Listens, recalls who was there and asks them to report. Throws `dependency.store_unreachable`. */
  async start(): Promise<void> {
    if (this.#running.length > 0) return
    const { bus, scope, store } = this.#parts
    await this.#memory.recall()
    await this.#readHead()
    // What was made here is announced in this turn, and need not be read.
    const watching = store.watch(scope, ({ revision }) => setImmediate(() => {
      if (this.#running.length > 0 && revision > (this.#head?.revision ?? 0)) void this.#followStore()
    }))
    const subscriptions: Subscription[] = [
      this.serving.listen(bus, { queue: queues.control, ...this.#logging('config request') }),
      answer(bus, subjects.edgeReports(scope), { request: EdgeReportSchema, reply: EdgeReportReplySchema }, (report, isCall) => this.#hear(report, isCall), this.#logging('edge report')),
      bus.onStatus((status) => {
        if (status === 'connected') void this.#reconnected()
      }),
    ]
    const sweep = setInterval(() => this.#sweep(), sweepMs)
    this.#running.push(() => clearInterval(sweep), () => watching.stop(), ...subscriptions.map((one) => () => one.unsubscribe()))
    this.#speak()
  }

  stop(): void {
    if (this.#teller !== undefined) this.#tell(this.#head!)
    for (const end of this.#running.splice(0)) end()
    this.#receipts.stop()
    this.#time.stop()
  }

  /** The newest revision known here. */
  head(): Announced | undefined {
    return this.#head
  }

  edges(): (Edge & { readonly state: ReturnType<EdgeRegistry['stateOf']> })[] {
    return this.#registry.all().map((edge) => ({ ...edge, state: this.#registry.stateOf(edge) }))
  }

  /** Tells those whom it is for of a revision, unless a newer one is known. */
  announce(revision: Announced): void {
    const before = this.#head
    if (revision.revision <= (before?.revision ?? 0)) return
    this.#head = revision
    const waitMs = this.#toldAt + gatherMs - this.#parts.clock.monotonic()
    if (revision.ring !== undefined || before?.ring !== undefined) this.#tellEach(before, revision)
    else if (waitMs > 0) this.#teller ??= setTimeout(() => this.#tell(this.#head!), waitMs)
    else this.#tell(revision)
  }

  /** What is for some edges does not stand for what was for others. */
  #tellEach(before: Announced | undefined, revision: Announced): void {
    if (this.#teller !== undefined) this.#tell(before!)
    this.#tell(revision)
    // Those that try it and those that it is compared with hear in the answers that their traffic is wanted.
    if (revision.ring !== undefined) this.#callTheRoll()
  }

  #tell(revision: Announced): void {
    clearTimeout(this.#teller)
    this.#teller = undefined
    const told = this.#told
    this.#told = revision
    this.#toldAt = this.#parts.clock.monotonic()
    // Most come from what they all run: those of the ring ask for what leads there.
    this.serving.announce(this.#parts.bus, revision, revision.ring === undefined ? (told?.stable ?? told) : told, revision.ring?.edges)
  }

  /** Until every live edge has reached the goal; `since` is when the change was made, on the monotonic clock. */
  waitFor(goal: Goal, timeoutMs: number, since: number): Promise<Receipt> {
    return this.#receipts.wait(goal, timeoutMs, since)
  }

  /** A report of what has changed is no call, and needs no count of everybody. */
  async #hear(report: EdgeReport, isCall: boolean) {
    const own = headFor(this.#head, report.edge)
    const head = { headRevision: own?.revision ?? 0, headDigest: own?.config.digest ?? '', trafficEveryMs: this.#head?.ring === undefined ? 0 : trafficEveryMs }
    if (report.scope !== this.#parts.scope) return { accepted: false, reason: `this control serves the scope "${this.#parts.scope}"`, ...head }
    const hearing = this.#registry.hear(report)
    if (!hearing.accepted) {
      this.#parts.logger.warn({ edge: report.edge, instance: report.instance, reason: hearing.reason }, 'edge refused')
      return { accepted: false, reason: hearing.reason, ...head }
    }
    this.#receipts.check(hearing.edge)
    await this.#memory.note(hearing.edge, hearing.before)
    return { accepted: true, ...head, ...(isCall && { workers: this.#registry.workersAround(hearing.edge) }) }
  }

  #sweep(): void {
    this.#memory.sweep()
    this.#receipts.check()
  }

  async #answerHead(edge: string): Promise<ConfigRevision | undefined> {
    if (this.#head === undefined) await this.#readHead()
    return headFor(this.#head, edge)
  }

  async #reconnected(): Promise<void> {
    try {
      // Others may have joined by another control while this one was cut off.
      await this.#memory.recall()
      await this.#readHead()
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'the store cannot be read after the bus came back')
    }
    this.#speak()
  }

  #speak(): void {
    this.#told = undefined
    if (this.#head !== undefined) this.#tell(this.#head)
    this.#callTheRoll()
  }

  #callTheRoll(): void {
    const { bus, scope } = this.#parts
    announce(bus, subjects.rollCall(scope), RollCallSchema, { scope })
  }

  /** A revision of another control: one reading at a time, and once more when the head moved meanwhile. */
  async #followStore(): Promise<void> {
    this.#hasMoved = true
    if (this.#isReading) return
    this.#isReading = true
    try {
      while (this.#hasMoved) {
        this.#hasMoved = false
        await this.#readHead()
      }
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'a new revision cannot be read')
    } finally {
      this.#isReading = false
    }
  }

  async #readHead(): Promise<void> {
    const found = await this.#parts.stored.head()
    if (found === undefined) return
    const { record, config, forcedRevision, ring } = found
    this.announce({ revision: record.revision, config, forcedRevision, ring, stable: ring && (await this.stableOf(ring)) })
  }

  /** What the edges outside of a ring run. */
  async stableOf({ stable }: Ring): Promise<ConfigRevision> {
    const { record, config, forcedRevision } = await this.#parts.stored.read(stable)
    return { revision: record.revision, config, forcedRevision }
  }

  #logging(what: string) {
    const { logger } = this.#parts
    const malformed = oncePerMinute((subject, times, error: unknown) => logger.warn({ subject, err: error, times }, `malformed ${what}`))
    return { onMalformed: malformed, onError: (subject: string, error: unknown) => logger.error({ subject, err: error }, `a ${what} could not be answered`) }
  }
}

/** Services that are no edges go with the newest. */
function headFor(head: Announced | undefined, edge: string): ConfigRevision | undefined {
  if (head?.ring === undefined || edge === '' || head.ring.edges.includes(edge)) return head
  return head.stable
}
