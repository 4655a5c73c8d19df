/**
 * Tells control which consumers have come near to the end of a quota. The shared count lets one request cross a threshold,
 * so each is told once. What is told while the bus is away, and more than a worker tells in a second, is lost: the
 * log has it, and what is left of a quota can be asked at any time.
 */
import type { Bus } from '@sluice/buses/bus'
import { announce } from '@sluice/buses/rpc'
import type { QuotaReached } from '@sluice/policies/policy'
import { QuotaReachedSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Clock } from '@sluice/service-kit'

export interface QuotaEventsParts {
  readonly bus: Bus
  readonly scope: string
  readonly edge: string
  readonly datacenter: string
  readonly clock: Clock
  /** Told of each that was left out because there were too many. */
  readonly onDropped: () => void
}

const maxPerSecond = 100

export class QuotaEvents {
  private readonly parts: QuotaEventsParts
  private second = -1
  private told = 0

  constructor(parts: QuotaEventsParts) {
    this.parts = parts
  }

  tell({ consumer, place, route, percent, limit, period, window }: QuotaReached): void {
    const { bus, scope, edge, datacenter, clock, onDropped } = this.parts
    const second = Math.floor(clock.monotonic() / 1000)
    if (second !== this.second) this.told = 0
    this.second = second
    if (++this.told > maxPerSecond) return onDropped()
    const { level, name } = place
    announce(bus, subjects.quotaReached(scope), QuotaReachedSchema, { scope, edge, datacenter, atMs: clock.now(), consumer, level, name, route: route ?? '', percent, limit, period, window })
  }
}
