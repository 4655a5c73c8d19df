/** What analytics counted: per consumer for billing, per route for people. */
import type { Bus } from '@sluice/buses/bus'
import { TopRoutesQuerySchema, TopRoutesReplySchema, UsageQueryReplySchema, UsageQuerySchema } from '@sluice/proto/messages/analytics'
import { subjects } from '@sluice/proto/subjects'
import { callPeer, peers } from './peer-call.ts'

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Every call throws `dependency.analytics_unreachable` when analytics is away. */
export class Usage {
  readonly #bus: Bus
  readonly #scope: string

  constructor(bus: Bus, scope: string) {
    this.#bus = bus
    this.#scope = scope
  }

  async byConsumer({ fromMs, toMs }: Span) {
    const types = { request: UsageQuerySchema, reply: UsageQueryReplySchema }
    const { items, watermarkMs } = await callPeer(this.#bus, peers.analytics, subjects.usageQuery(this.#scope), types, { scope: this.#scope, fromMs, toMs })
    return { items: items.map(({ consumer, requests, refused, bytesIn, bytesOut }) => ({ consumer, requests, refused, bytesIn, bytesOut })), watermark: instantOf(watermarkMs) }
  }

  async topRoutes({ fromMs, toMs }: Span, limit: number) {
    const types = { request: TopRoutesQuerySchema, reply: TopRoutesReplySchema }
    const { items, watermarkMs } = await callPeer(this.#bus, peers.analytics, subjects.topRoutes(this.#scope), types, { scope: this.#scope, fromMs, toMs, limit })
    return { items: items.map(({ $typeName: _, ...route }) => route), watermark: instantOf(watermarkMs) }
  }
}

function instantOf(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString()
}
