import type { ActiveHealth } from '@sluice/proto/config'

/** When in doubt the next probe comes this soon: a dead endpoint is to be out within seconds. */
const doubtMs = 1000

/** What probes say about one endpoint: `unhealthyAfter` failures in a row take it out, `healthyAfter` successes bring it back. */
export class Verdict {
  #isHealthy: boolean
  #reason: string
  /** Probes in a row that contradict the verdict. */
  #contradictions = 0

  /** The reason of an unhealthy one that was known before; empty for a healthy one, which every new one is taken to be. */
  constructor(reason = '') {
    this.#reason = reason
    this.#isHealthy = reason === ''
  }

  get isHealthy(): boolean {
    return this.#isHealthy
  }

  get reason(): string {
    return this.#reason
  }

  /** Takes a probe's outcome, `undefined` or why it failed; answers whether the verdict has changed. */
  note(failure: string | undefined, settings: Pick<ActiveHealth, 'unhealthyAfter' | 'healthyAfter'>): boolean {
    const isSuccess = failure === undefined
    this.#contradictions = isSuccess === this.#isHealthy ? 0 : this.#contradictions + 1
    const needed = this.#isHealthy ? settings.unhealthyAfter : settings.healthyAfter
    if (this.#contradictions < needed) return false
    this.#isHealthy = isSuccess
    this.#reason = failure ?? ''
    this.#contradictions = 0
    return true
  }

  /** How long until the next probe: soon while the last one contradicted the verdict. */
  nextAfterMs(intervalMs: number): number {
    return this.#contradictions > 0 ? Math.min(doubtMs, intervalMs) : intervalMs
  }
}
