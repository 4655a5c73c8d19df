import { setTimeout as sleep } from 'node:timers/promises'
import type { AnalyticsStore } from '@sluice/analytics-stores/analytics-store'
import type { Bus, Subscription } from '@sluice/buses/bus'
import { answer } from '@sluice/buses/rpc'
import {
  TopRoutesQuerySchema, TopRoutesReplySchema, UsageBatchReplySchema, UsageBatchSchema, UsageQueryReplySchema, UsageQuerySchema,
  type UsageBatch,
} from '@sluice/proto/messages/analytics'
import { queues, subjects } from '@sluice/proto/subjects'
import { messageProblems, type Clock, type Health, type Logger, type MetricsRegistry, type Service } from '@sluice/service-kit'
import { answerUsageBatch } from './handlers/usage-batch.ts'
import { Intake } from './intake/intake.ts'
import { nameOfPart, onlyPart, type Part } from './parts/part.ts'
import { Parts } from './parts/parts.ts'

export interface AnalyticsParts {
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  /** Stays open: it belongs to the caller. */
  readonly store: AnalyticsStore
  /** Which edges are this instance's [all]. */
  readonly part?: Part
}

/** Takes in usage and access records, keeps each batch once, and answers questions about them. */
export function createAnalytics(parts: AnalyticsParts): Service {
  return new Analytics(parts)
}

/** Between two looks at a store that did not answer. */
const probeMs = 5000
/** Between two looks whether the bus is there and the part is free. */
const joinMs = 500

class Analytics implements Service {
  readonly #parts: AnalyticsParts
  readonly #intake: Intake
  readonly #part: Part
  readonly #all: Parts
  #subscriptions: Subscription[] = []
  #probe: NodeJS.Timeout | undefined
  #storeProblem: string | undefined = 'the store has not answered yet'
  #partProblem: string | undefined
  #isStopped = false

  constructor(parts: AnalyticsParts) {
    this.#parts = parts
    this.#part = parts.part ?? onlyPart
    this.#all = new Parts({ ...parts, part: this.#part })
    this.#intake = new Intake(parts.store, parts.metrics, (error) => this.#noteStore(error))
  }

  async start(): Promise<void> {
    await this.#probeStore()
    await this.#tryToJoin()
    if (this.#subscriptions.length === 0) void this.#joinLater()
    this.#probe = setInterval(() => void this.#probeStore(), probeMs).unref()
  }

  async stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#probe)
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    const timeout = Promise.withResolvers<void>()
    const timer = setTimeout(timeout.resolve, deadlineMs)
    await Promise.race([this.#intake.flush(), timeout.promise])
    clearTimeout(timer)
  }

  health(): Health {
    const reasons: string[] = []
    if (this.#subscriptions.length === 0) reasons.push('it has not started')
    if (this.#parts.bus.status !== 'connected') reasons.push('the bus cannot be reached')
    if (this.#storeProblem !== undefined) reasons.push(this.#storeProblem)
    if (this.#partProblem !== undefined) reasons.push(this.#partProblem)
    return { ready: reasons.length === 0, reasons }
  }

  /** Listens, unless another instance has this part: it would take half of the batches into another store. Nothing while the bus is away. */
  async #tryToJoin(): Promise<void> {
    const isTaken = await this.#all.isTaken().catch(() => undefined)
    if (isTaken) this.#noteTaken()
    if (isTaken === false && !this.#isStopped) this.#listen()
  }

  async #joinLater(): Promise<void> {
    while (!this.#isStopped && this.#subscriptions.length === 0) {
      await sleep(joinMs, undefined, { ref: false })
      await this.#tryToJoin()
    }
  }

  #noteTaken(): void {
    const { index, of } = this.#part
    const problem = `another analytics has part ${index} of ${of}: this one waits until that is gone; give it a part of its own (SLUICE_ANALYTICS_PART)`
    if (problem !== this.#partProblem) this.#parts.logger.error({ reason: problem }, 'this analytics takes nothing in')
    this.#partProblem = problem
  }

  #listen(): void {
    this.#partProblem = undefined
    const { bus, scope, store } = this.#parts
    const options = { queue: queues.analytics, ...messageProblems(this.#parts) }
    const batch = { request: UsageBatchSchema, reply: UsageBatchReplySchema }
    const usage = { request: UsageQuerySchema, reply: UsageQueryReplySchema }
    const routes = { request: TopRoutesQuerySchema, reply: TopRoutesReplySchema }
    const ours = { ...options, queue: `${queues.analytics}-${nameOfPart(this.#part)}`, isOurs: ({ edge }: UsageBatch) => this.#all.has(edge) }
    this.#subscriptions = [
      ...this.#all.listen(options),
      answer(bus, subjects.usageBatch(scope), batch, (message) => answerUsageBatch(this.#intake, store, scope, message), ours),
      answer(bus, subjects.usageQuery(scope), usage, (query) => this.#all.usage(query), options),
      answer(bus, subjects.topRoutes(scope), routes, (query) => this.#all.topRoutes(query), options),
    ]
  }

  /** A cheap question whose answer nobody needs: whether the store works. */
  async #probeStore(): Promise<void> {
    await this.#parts.store.storedSequence(this.#parts.scope, '-', '-').then(
      () => this.#noteStore(undefined),
      (error: unknown) => this.#noteStore(error),
    )
  }

  #noteStore(error: unknown): void {
    const problem = error === undefined ? undefined : error instanceof Error ? error.message : String(error)
    if (problem !== undefined && problem !== this.#storeProblem) this.#parts.logger.error({ err: error }, 'the analytics store does not answer')
    this.#storeProblem = problem
  }
}
