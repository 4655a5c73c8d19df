/**
 * What control is told of this edge, and what it answers. A change of what the workers run goes out as a plain message; the
 * report of every ten seconds asks for an answer, and makes up for one that was lost.
 */
import type { Bus } from '@sluice/buses/bus'
import { announce, call, listen } from '@sluice/buses/rpc'
import { EdgeReportReplySchema, EdgeReportSchema, RollCallSchema, type EdgeReportReply } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { type Logger, version } from '@sluice/service-kit'
import type { RevisionRefusal } from './snapshot/shrink-guard.ts'
import type { trafficTotals } from './telemetry/traffic-totals.ts'
import type { Reached } from './workers/member.ts'

export interface EdgeReportsParts {
  readonly bus: Bus
  readonly scope: string
  readonly name: string
  readonly zone: string
  readonly datacenter: string
  readonly workers: number
  readonly logger: Logger
  /** What the workers have reached, and whether the edge says goodbye. */
  readonly now: () => Reached & { readonly orders: readonly string[]; readonly leaving: boolean }
  /** Why a newer revision than that was not taken, or was given up. */
  readonly refusal: () => RevisionRefusal | undefined
  /** Resolves once what has been reached is served after a restart too. */
  readonly settled: () => Promise<void>
  /** Asked while control compares edges. */
  readonly traffic: () => Promise<ReturnType<typeof trafficTotals>>
  readonly onAnswer: (reply: EdgeReportReply, hasRefused: boolean) => void
}

const reportEveryMs = 10_000

export class EdgeReports {
  readonly #parts: EdgeReportsParts
  readonly #subject: string
  /** Tells a restart from another edge of the name; nothing is told before it is known. */
  instance = ''
  #timer: NodeJS.Timeout | undefined
  /** How soon control wants to hear of the traffic again; 0: not at all. */
  #trafficEveryMs = 0
  /** Control has taken a report of this edge since the bus was there: changes need no answer. */
  #isKnown = false
  #told = ''
  #nameTaken: string | undefined
  #isStopping = false
  #unsubscribe = () => {}

  constructor(parts: EdgeReportsParts) {
    this.#parts = parts
    this.#subject = subjects.edgeReport(parts.scope, parts.name)
  }

  /** Why control refuses this edge. */
  get nameTaken(): string | undefined {
    return this.#nameTaken
  }

  start(): void {
    const { bus, scope } = this.#parts
    const calls = listen(bus, subjects.rollCall(scope), RollCallSchema, () => this.report())
    const reconnects = bus.onStatus((status) => {
      this.#isKnown = false
      if (status === 'connected') void this.report()
    })
    this.#unsubscribe = () => {
      calls.unsubscribe()
      reconnects.unsubscribe()
    }
    this.#schedule()
  }

  /** From now on it reports only when it is told to. */
  quiet(): void {
    this.#isStopping = true
    clearTimeout(this.#timer)
  }

  stop(): void {
    this.#unsubscribe()
  }

  /** Tells what has been reached when that is news, without waiting for an answer where none matters. */
  tellChange(): void {
    const { revision, credentialVersion, refusal, orders } = this.#parts.now()
    const state = `${revision?.revision} ${revision?.config.digest} ${credentialVersion} ${refusal?.digest} ${orders.join()}`
    if (state === this.#told) return
    this.#told = state
    const isPlain = this.#isKnown && refusal === undefined && this.#parts.refusal() === undefined && this.#trafficEveryMs === 0
    void (isPlain ? this.#acknowledge() : this.report())
  }

  async report(): Promise<void> {
    const { bus, name, logger, settled, onAnswer } = this.#parts
    if (this.instance === '' || bus.status !== 'connected') return
    await settled()
    const message = { ...this.#facts(), ...(this.#trafficEveryMs === 0 ? {} : { traffic: await this.#parts.traffic() }) }
    const types = { request: EdgeReportSchema, reply: EdgeReportReplySchema }
    try {
      const reply = await call(bus, this.#subject, types, message, { timeoutMs: 2000 })
      if (!reply.accepted && this.#nameTaken === undefined) logger.error({ edge: name, reason: reply.reason }, 'control refuses this edge')
      this.#nameTaken = reply.accepted ? undefined : reply.reason
      this.#isKnown = reply.accepted
      this.#tellTraffic(reply.trafficEveryMs)
      onAnswer(reply, message.refusal !== undefined)
    } catch {
      // Control is away: traffic does not need it, and the next report comes in ten seconds.
    }
  }

  /** One that is lost comes with the next report. */
  async #acknowledge(): Promise<void> {
    await this.#parts.settled()
    announce(this.#parts.bus, this.#subject, EdgeReportSchema, this.#facts())
  }

  /** Only to be asked once what has been reached is settled. */
  #facts() {
    const { scope, name, zone, datacenter, workers, now } = this.#parts
    const { revision, credentialVersion, refusal = this.#parts.refusal(), orders, leaving } = now()
    const reached = { revision: revision?.revision ?? 0, digest: revision?.config.digest ?? '', credentialVersion }
    return { scope, edge: name, instance: this.instance, zone, datacenter, version, workers, ...reached, orders: [...orders], leaving, ...(refusal === undefined ? {} : { refusal }) }
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      void this.report()
      this.#schedule()
    }, (this.#trafficEveryMs || reportEveryMs) * (0.9 + 0.2 * Math.random())).unref()
  }

  /** While control tries a revision on some edges it compares them with the others. */
  #tellTraffic(everyMs: number): void {
    const isNews = everyMs !== this.#trafficEveryMs
    this.#trafficEveryMs = everyMs
    if (!isNews || this.#isStopping) return
    clearTimeout(this.#timer)
    this.#schedule()
  }
}
