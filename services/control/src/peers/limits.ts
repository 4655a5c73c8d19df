/** Single limits, looked at and started afresh through the rate-limit service. */
import type { Bus } from '@sluice/buses/bus'
import { LimitPeekReplySchema, LimitPeekRequestSchema, LimitResetReplySchema, LimitResetRequestSchema } from '@sluice/proto/messages/ratelimit'
import { subjects } from '@sluice/proto/subjects'
import { callPeer, peers } from './peer-call.ts'

export interface LimitKey {
  /** The counter's whole key, as the edge counts under it. */
  readonly key: string
  readonly algorithm: string
  readonly limit: number
  readonly windowMs: number
  readonly burst: number
  /** Of windows: an instant at which one of them begins [the Unix epoch]. */
  readonly originMs?: number
}

/** Every call throws `dependency.ratelimit_unreachable` when the rate-limit service is away. */
export class Limits {
  readonly #bus: Bus
  readonly #scope: string

  constructor(bus: Bus, scope: string) {
    this.#bus = bus
    this.#scope = scope
  }

  async peek(key: LimitKey): Promise<{ remaining: number; resetSeconds: number }> {
    const types = { request: LimitPeekRequestSchema, reply: LimitPeekReplySchema }
    const { remaining, resetMs } = await callPeer(this.#bus, peers.ratelimit, subjects.limitPeek(this.#scope), types, { key: { scope: this.#scope, ...key } })
    return { remaining, resetSeconds: Math.ceil(resetMs / 1000) }
  }

  /** Whether anything was counted under the key. */
  async reset(key: LimitKey): Promise<boolean> {
    const types = { request: LimitResetRequestSchema, reply: LimitResetReplySchema }
    const { existed } = await callPeer(this.#bus, peers.ratelimit, subjects.limitReset(this.#scope), types, { key: { scope: this.#scope, ...key } })
    return existed
  }
}
