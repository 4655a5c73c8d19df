import { oncePerMinute, type Logger, type MetricsRegistry } from '@sluice/service-kit'
import { LoadShedder, sampleMs } from './load-shedder.ts'
import { watchLoopLag } from './loop-lag.ts'

export interface OverloadParts {
  /** The lag of the event loop above which a part of the requests is refused; 0: never. */
  readonly shedLagMs: number
  readonly metrics: MetricsRegistry
  readonly logger: Logger
}

/** Whether this worker has more to do than it can. */
export class Overload {
  private readonly shedder: LoadShedder
  private readonly shed: { add(amount: number): void }
  private readonly unwatch: () => void

  constructor({ shedLagMs, metrics, logger }: OverloadParts) {
    const shedder = new LoadShedder(shedLagMs)
    this.shedder = shedder
    this.shed = metrics.counter('sluice_requests_shed_total', 'Requests refused because a worker had more to do than it could.', []).with()
    const lag = metrics.gauge('sluice_event_loop_lag_seconds', 'How late the event loop of a worker is, over about a second; of the latest one.', [], 'max').with()
    metrics.onCollect(() => lag.set(shedder.lagMs / 1000))
    const warn = oncePerMinute((_, times) => logger.warn({ lagMs: Math.round(shedder.lagMs), times }, 'there is more to do than this worker can: a part of the requests is refused'))
    this.unwatch = watchLoopLag(sampleMs, (lagMs) => {
      const before = shedder.isShedding
      shedder.observe(lagMs)
      if (shedder.isShedding && !before) warn('overloaded')
    })
  }

  /** Whether this request has to be refused. Runs once a request: one look while there is no overload. */
  refuses(): boolean {
    if (!this.shedder.isShedding || !this.shedder.refuses()) return false
    this.shed.add(1)
    return true
  }

  stop(): void {
    this.unwatch()
  }
}
