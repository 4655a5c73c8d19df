import type { AnalyticsStore, RouteItem, UsageItem } from '@sluice/analytics-stores/analytics-store'
import type { Bus, Subscription } from '@sluice/buses/bus'
import { answer, call, type ListenOptions } from '@sluice/buses/rpc'
import { codeOf, SluiceError } from '@sluice/errors'
import { TopRoutesQuerySchema, TopRoutesReplySchema, UsageQueryReplySchema, UsageQuerySchema, type TopRoutesQuery, type UsageQuery } from '@sluice/proto/messages/analytics'
import { subjects } from '@sluice/proto/subjects'
import { answerTopRoutes, answerUsageQuery, maxRoutes, routesLimit } from '../handlers/queries.ts'
import { mergeRoutes, mergeUsage } from './gather.ts'
import { nameOfPart, partOfEdge, type Part } from './part.ts'

const usage = { request: UsageQuerySchema, reply: UsageQueryReplySchema }
const routes = { request: TopRoutesQuerySchema, reply: TopRoutesReplySchema }
/** Less than who asked waits for the whole. */
const partTimeoutMs = 4000

export interface PartsOptions {
  readonly bus: Bus
  readonly scope: string
  readonly store: AnalyticsStore
  readonly part: Part
}

/** This instance's part, and the way to the others. */
export class Parts {
  readonly #options: PartsOptions

  constructor(options: PartsOptions) {
    this.#options = options
  }

  /** Whether the usage of this edge belongs here. */
  has(edge: string): boolean {
    const { part } = this.#options
    return partOfEdge(edge, part.of) === part.index
  }

  /** Answers the other parts about its own. */
  listen(options: ListenOptions): Subscription[] {
    const { bus, scope, store, part } = this.#options
    const name = nameOfPart(part)
    return [
      answer(bus, subjects.usagePart(scope, name), usage, (query) => answerUsageQuery(store, scope, query), options),
      answer(bus, subjects.topRoutesPart(scope, name), routes, (query) => answerTopRoutes(store, scope, query), options),
    ]
  }

  /** Whether somebody else answers for this part already: two stores of one part would each know a half. */
  async isTaken(): Promise<boolean> {
    const { bus, scope, part } = this.#options
    try {
      await call(bus, subjects.usagePart(scope, nameOfPart(part)), usage, { scope, fromMs: 0, toMs: 0 }, { timeoutMs: partTimeoutMs })
      return true
    } catch (error) {
      if (codeOf(error) === 'dependency.bus_unreachable') throw error
      return false
    }
  }

  /** Throws `dependency.analytics_unreachable` while one of the parts does not answer: a sum without it would be too small. */
  async usage(query: UsageQuery): Promise<{ items: UsageItem[]; watermarkMs: number }> {
    const { bus, scope, store } = this.#options
    const ask = (name: string) => call(bus, subjects.usagePart(scope, name), usage, query, { timeoutMs: partTimeoutMs })
    return mergeUsage(await this.#gather(() => answerUsageQuery(store, scope, query), ask))
  }

  /** The same. */
  async topRoutes(query: TopRoutesQuery): Promise<{ items: RouteItem[]; watermarkMs: number }> {
    const { bus, scope, store } = this.#options
    const all = { ...query, limit: maxRoutes }
    const ask = (name: string) => call(bus, subjects.topRoutesPart(scope, name), routes, all, { timeoutMs: partTimeoutMs })
    return mergeRoutes(await this.#gather(() => answerTopRoutes(store, scope, all), ask), routesLimit(query))
  }

  #gather<T>(own: () => Promise<T>, ask: (name: string) => Promise<T>): Promise<T[]> {
    const { index, of } = this.#options.part
    return Promise.all(Array.from({ length: of }, async (_, before) => {
      if (before + 1 === index) return own()
      try {
        return await ask(nameOfPart({ index: before + 1, of }))
      } catch (error) {
        if (codeOf(error) === 'client.bad_request') throw error
        throw new SluiceError('dependency.analytics_unreachable', { detail: `analytics ${before + 1} of ${of} does not answer`, cause: error })
      }
    }))
  }
}
