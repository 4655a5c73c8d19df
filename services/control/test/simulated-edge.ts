import type { Bus } from '@sluice/buses/bus'
import { followConfig, type ConfigRevision } from '@sluice/buses/config-feed'
import { call, listen } from '@sluice/buses/rpc'
import { type BreakGlassSet, isInForce, orderKey, readBreakGlass, withHeard } from '@sluice/proto/break-glass'
import { documentOf } from '@sluice/proto/config'
import { BreakGlassNoticeSchema, EdgeReportReplySchema, EdgeReportSchema, RollCallSchema, type EdgeReportReply } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'

const scope = 'default'

export interface EdgeOptions {
  readonly name: string
  readonly instance?: string
  /** The code with which it refuses a revision. */
  readonly refuse?: (document: Record<string, unknown>) => string | undefined
}

/** An edge as far as control can tell: it follows the configuration and reports what it runs. */
export class SimulatedEdge {
  revision = 0
  digest = ''
  document: Record<string, unknown> = {}
  credentialVersion = 0
  /** Ids of the break-glass orders that it obeys. */
  readonly orders = new Set<string>()
  /** What it says of its traffic. */
  traffic: { requests: number; serverErrors: number; durationBounds: number[]; durationCounts: number[] } | undefined
  lastReply: EdgeReportReply | undefined
  /** Revisions wait here while it is set. */
  hold: Promise<void> | undefined
  readonly #bus: Bus
  readonly #options: EdgeOptions
  readonly #ends: (() => void)[] = []
  #known: BreakGlassSet = new Map()
  #obeyed: string[] = []
  #refusal: { revision: number; code: string; pointer: string; detail: string } | undefined

  constructor(bus: Bus, options: EdgeOptions) {
    this.#bus = bus
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  async start(): Promise<this> {
    const feed = followConfig(this.#bus, { scope, edge: this.#options.name, onRevision: (revision) => this.#take(revision) })
    const orders = listen(this.#bus, subjects.breakGlass(scope, ''), BreakGlassNoticeSchema, ({ entries }) => this.#obey(entries))
    this.#ends.push(() => orders.unsubscribe())
    const calls = listen(this.#bus, subjects.rollCall(scope), RollCallSchema, () => void this.report())
    this.#ends.push(() => feed.stop(), () => calls.unsubscribe())
    await this.report()
    return this
  }

  /** Falls silent without a word, as a killed process does. */
  stop(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  async leave(): Promise<void> {
    await this.report(true)
    this.stop()
  }

  async report(leaving = false): Promise<void> {
    const { name, instance = `instance of ${name}` } = this.#options
    const types = { request: EdgeReportSchema, reply: EdgeReportReplySchema }
    const message = { scope, edge: name, instance, version: '0.1.0', workers: 2, revision: this.revision, digest: this.digest, credentialVersion: this.credentialVersion, orders: [...this.#obeyed], leaving, ...(this.#refusal && { refusal: this.#refusal }), ...(this.traffic && { traffic: this.traffic }) }
    // While control is away there is nobody to report to; the roll call of its start asks again.
    this.lastReply = await call(this.#bus, subjects.edgeReport(scope, name), types, message, { timeoutMs: 2000 }).catch(() => undefined)
  }

  #obey(entries: string): Promise<void> {
    this.#known = withHeard(this.#known, readBreakGlass(entries), Date.now())
    const inForce = [...this.#known.values()].filter((entry) => isInForce(entry, Date.now()))
    this.orders.clear()
    for (const { id } of inForce) this.orders.add(id)
    this.#obeyed = inForce.map(orderKey)
    return this.report()
  }

  async #take({ revision, config }: ConfigRevision): Promise<void> {
    await this.hold
    const { digest } = config
    const read = documentOf(config.entities()) as unknown as Record<string, unknown>
    const code = this.#options.refuse?.(read)
    if (code === undefined) Object.assign(this, { revision, digest, document: read })
    this.#refusal = code === undefined ? undefined : { revision, code, pointer: '/routes/0', detail: 'it does not fit here' }
    await this.report()
  }
}
