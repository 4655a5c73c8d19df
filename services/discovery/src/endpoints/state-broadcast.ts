import type { Bus } from '@sluice/buses/bus'
import { createSequencedPublisher, type SequencedPublisher } from '@sluice/buses/sequenced'
import { subjects } from '@sluice/proto/subjects'
import { oncePerMinute, type Logger } from '@sluice/service-kit'
import { encodeState } from './upstream-state.ts'
import type { UpstreamSet } from './upstream-set.ts'

/** Changes of this long go out together: a failing rack changes many endpoints of one upstream. */
const gatherMs = 200

/** Tells the edges of changed upstreams, each as a whole state. */
export class StateBroadcast {
  readonly #publisher: SequencedPublisher
  readonly #upstreams: UpstreamSet
  readonly #changed = new Set<string>()
  readonly #warnTooLarge: (upstream: string) => void
  #timer: NodeJS.Timeout | undefined

  constructor(bus: Bus, scope: string, upstreams: UpstreamSet, logger: Logger) {
    this.#publisher = createSequencedPublisher(bus, subjects.upstreamState(scope))
    this.#upstreams = upstreams
    this.#warnTooLarge = oncePerMinute((upstream, times) => logger.error({ upstream, times }, 'an upstream has more endpoints than a message holds; some are left out'))
  }

  /** Every upstream is to be told anew. */
  markAll(): void {
    for (const name of this.#upstreams.names()) this.mark(name)
  }

  /** This upstream has changed. */
  mark(upstream: string): void {
    this.#changed.add(upstream)
    this.#timer ??= setTimeout(() => this.#tell(), gatherMs).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#tell()
    this.#publisher.stop()
  }

  #tell(): void {
    this.#timer = undefined
    for (const upstream of this.#changed) {
      const state = this.#upstreams.state(upstream)
      if (state === undefined) continue
      const { bytes, leftOut } = encodeState(state)
      if (leftOut > 0) this.#warnTooLarge(upstream)
      this.#publisher.publish(bytes)
    }
    this.#changed.clear()
  }
}
