/**
 * Break-glass orders: what an operator does to the edges of this datacenter while the store takes no changes. They go over the bus alone, lie
 * on control's disk and on the edges', and end by their time, by hand, or when a revision says the same. All controls of a datacenter keep the
 * same set: each repeats it, so that who was cut off hears of it within seconds.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Bus } from '@sluice/buses/bus'
import type { ConfigSigner } from '@sluice/buses/config-feed'
import { announce, listen } from '@sluice/buses/rpc'
import type { AuditEntry, ConfigStore } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import { type BreakGlassEntry, type BreakGlassOrder, type BreakGlassSet, isInForce, maxOrders, readBreakGlass, withHeard } from '@sluice/proto/break-glass'
import { type BreakGlassNotice, BreakGlassNoticeSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Clock, Logger } from '@sluice/service-kit'
import type { Edge } from '../rollout/edge-registry.ts'
import type { Announced } from '../rollout/rollout.ts'
import { isTakenOver, missingTarget, tellOrder } from './order-target.ts'
import { type KeptOrders, nothingKept, readOrders, writeOrders } from './orders-file.ts'

export interface BreakGlassParts {
  readonly bus: Bus
  readonly scope: string
  /** Whose edges the orders are for; empty: all that the bus reaches. */
  readonly datacenter: string
  readonly directory: string
  readonly store: ConfigStore
  readonly clock: Clock
  readonly logger: Logger
  readonly signer?: ConfigSigner | undefined
  /** The newest revision known. */
  readonly head: () => Announced | undefined
  readonly liveEdges: () => readonly Edge[]
  readonly isStoreReached: () => boolean
}

export interface NewOrder {
  readonly order: BreakGlassOrder
  readonly forMs: number
  readonly note: string
  readonly actor: string
  /** Also while the store takes changes. */
  readonly isForced: boolean
}

const repeatMs = 5000
/** How long the store may take to show that it takes changes. */
const probeMs = 2000
const maxUnaudited = 1000

export class BreakGlass {
  readonly #parts: BreakGlassParts
  readonly #file: string
  #known: BreakGlassSet = new Map()
  #unaudited: readonly AuditEntry[] = []
  #isAuditing = false
  #saving: Promise<void> = Promise.resolve()
  #ends: (() => void)[] = []

  constructor(parts: BreakGlassParts) {
    this.#parts = parts
    this.#file = join(parts.directory, 'break-glass.json')
  }

  get datacenter(): string {
    return this.#parts.datacenter
  }

  async start(): Promise<void> {
    if (this.#ends.length > 0) return
    const { bus, scope, datacenter, clock } = this.#parts
    const { entries, unaudited } = await this.#load()
    this.#known = withHeard(this.#known, entries, clock.now())
    this.#unaudited = unaudited
    const heard = listen(bus, subjects.breakGlass(scope, datacenter), BreakGlassNoticeSchema, (notice) => this.#hear(notice))
    const reconnects = bus.onStatus((status) => {
      if (status === 'connected') this.#announce()
    })
    const timer = setInterval(() => this.#tick(), repeatMs).unref()
    this.#ends = [() => heard.unsubscribe(), () => reconnects.unsubscribe(), () => clearInterval(timer)]
    this.#tick()
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    await this.#saving
  }

  /** Those whose time is not over, the newest first; those that were ended before it as well. */
  list(): BreakGlassEntry[] {
    const now = this.#parts.clock.now()
    return [...this.#known.values()].filter(({ untilMs }) => untilMs > now).sort((a, b) => b.madeAtMs - a.madeAtMs || (a.id < b.id ? 1 : -1))
  }

  inForce(): BreakGlassEntry[] {
    const now = this.#parts.clock.now()
    return this.list().filter((entry) => isInForce(entry, now))
  }

  /** Throws `config.store_writable` when a revision would do, `config.not_found` for what is not there, `config.invalid` beyond the most there can be. */
  async make({ order, forMs, note, actor, isForced }: NewOrder): Promise<BreakGlassEntry> {
    const { clock } = this.#parts
    if (!isForced) await this.#requireNoStore()
    const head = this.#parts.head()
    const missing = head && missingTarget(order, head.config)
    if (missing !== undefined) throw new SluiceError('config.not_found', { detail: missing })
    if (this.list().length >= maxOrders) throw new SluiceError('config.invalid', { detail: `There are ${maxOrders} orders, those that were ended included; they are forgotten when their time is over` })
    const now = clock.now()
    const entry = { id: randomBytes(4).toString('hex'), version: now, order, madeBy: actor, madeAtMs: now, untilMs: now + forMs, note, revision: head?.revision ?? 0 }
    await this.#change(entry, { actor, action: `POST /v1/break-glass (${tellOrder(order)})`, outcome: `order ${entry.id} until ${new Date(entry.untilMs).toISOString()}${note === '' ? '' : `: ${note}`}` })
    return entry
  }

  /** Throws `config.not_found`. */
  async end(id: string, actor: string): Promise<BreakGlassEntry> {
    const entry = this.#known.get(id)
    if (entry === undefined || !isInForce(entry, this.#parts.clock.now())) throw new SluiceError('config.not_found', { detail: `No order "${id}" is in force` })
    return this.#end(entry, actor, { actor, action: `DELETE /v1/break-glass/${id} (${tellOrder(entry.order)})`, outcome: `order ${id} ended` })
  }

  async #end(entry: BreakGlassEntry, endedBy: string, audit: Pick<AuditEntry, 'actor' | 'action' | 'outcome'>): Promise<BreakGlassEntry> {
    const ended = { ...entry, version: Math.max(entry.version + 1, this.#parts.clock.now()), endedBy }
    await this.#change(ended, audit)
    return ended
  }

  /** On disk first, so that what was announced is known after a restart. */
  async #change(entry: BreakGlassEntry, audit: Pick<AuditEntry, 'actor' | 'action' | 'outcome'>): Promise<void> {
    const { scope, clock, logger } = this.#parts
    this.#known = withHeard(this.#known, [entry], clock.now())
    this.#unaudited = [...this.#unaudited, { scope, atMs: clock.now(), ...audit }].slice(-maxUnaudited)
    logger.warn({ ...audit, order: entry.id }, 'break-glass')
    await this.#save()
    this.#announce()
    void this.#audit()
  }

  #hear({ scope, datacenter, entries, signature }: BreakGlassNotice): void {
    const { signer, logger, clock } = this.#parts
    if (scope !== this.#parts.scope || datacenter !== this.#parts.datacenter) return
    if (signer?.hasSignedOrders({ scope, datacenter, entries }, signature) === false) return logger.warn('a notice of break-glass orders was not signed with the key of this control, and is passed over')
    const known = withHeard(this.#known, readBreakGlass(entries), clock.now())
    if (known === this.#known) return
    this.#known = known
    void this.#save()
  }

  #announce(): void {
    const { bus, scope, datacenter, signer, clock } = this.#parts
    if (this.#known.size === 0) return
    this.#known = withHeard(this.#known, [], clock.now())
    const entries = JSON.stringify([...this.#known.values()])
    const facts = { scope, datacenter, entries }
    announce(bus, subjects.breakGlass(scope, datacenter), BreakGlassNoticeSchema, { ...facts, signature: signer?.signOrders(facts) ?? new Uint8Array() })
  }

  #tick(): void {
    this.#announce()
    void this.#endTakenOver()
    void this.#audit()
  }

  /** What a later revision says by itself, once every live edge runs it. */
  async #endTakenOver(): Promise<void> {
    const head = this.#parts.head()
    if (head === undefined || head.ring !== undefined || this.#parts.liveEdges().some(({ revision }) => revision < head.revision)) return
    for (const entry of this.inForce()) {
      if (entry.revision >= head.revision || !isTakenOver(entry.order, head.config)) continue
      const by = `revision ${head.revision}`
      await this.#end(entry, by, { actor: 'control', action: `end order ${entry.id} (${tellOrder(entry.order)})`, outcome: `taken over by ${by}` })
    }
  }

  /** What the audit log in the store has not been told yet, in order. */
  async #audit(): Promise<void> {
    if (this.#isAuditing || this.#unaudited.length === 0) return
    this.#isAuditing = true
    try {
      while (this.#unaudited.length > 0) {
        await this.#parts.store.appendAudit(this.#unaudited[0]!)
        this.#unaudited = this.#unaudited.slice(1)
      }
    } catch {
      // The store is away: that is what this is for. The next tick tries again.
    } finally {
      this.#isAuditing = false
    }
    await this.#save()
  }

  async #requireNoStore(): Promise<void> {
    const { store, scope, isStoreReached } = this.#parts
    if (!isStoreReached()) return
    const tooLate = new Promise<false>((resolve) => setTimeout(resolve, probeMs, false).unref())
    const isWritable = await Promise.race([store.requireWritable(scope).then(() => true, () => false), tooLate])
    if (isWritable) throw new SluiceError('config.store_writable', { detail: 'Break-glass orders are for when the store takes no changes, and it does: change the configuration, so that it stays. "force" orders it all the same' })
  }

  async #load(): Promise<KeptOrders> {
    try {
      return await readOrders(this.#file)
    } catch (error) {
      this.#parts.logger.error({ err: error, file: this.#file }, 'the break-glass orders on disk cannot be read; edges keep those that they know')
      return nothingKept
    }
  }

  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      try {
        await writeOrders(this.#file, { entries: [...this.#known.values()], unaudited: this.#unaudited })
      } catch (error) {
        this.#parts.logger.error({ err: error, file: this.#file }, 'the break-glass orders could not be kept on disk')
      }
    })
    return this.#saving
  }
}
