import type { SourceStatus } from '@sluice/discovery-sources/discovery-source'
import { oncePerMinute, type Logger, type MetricsRegistry } from '@sluice/service-kit'

interface Report {
  readonly source: string
  /** Undefined before the first answer or failure. */
  isAnswering: boolean | undefined
  failures: number
  skipped: number
}

/** How the sources of upstreams fare: in the metrics, and in the log when that changes. */
export class SourceReports {
  readonly #logger: Logger
  readonly #reports = new Map<string, Report>()
  readonly #warnSkipped: (key: string) => void

  constructor(metrics: MetricsRegistry, logger: Logger) {
    this.#logger = logger
    this.#warnSkipped = oncePerMinute((what, times) => logger.warn({ what, times }, 'something that a source of endpoints told cannot be used'))
    const up = metrics.gauge('sluice_discovery_source_up', '1 while the source of an upstream answers, 0 while what it told last stands instead.', ['upstream', 'source'])
    const failures = metrics.counter('sluice_discovery_source_failures_total', 'Times that the source of an upstream could not be asked.', ['upstream', 'source'])
    const skipped = metrics.counter('sluice_discovery_source_skipped_total', 'Entries of a source that could not be used.', ['upstream', 'source'])
    metrics.onCollect(() => {
      for (const family of [up, failures, skipped]) family.clear()
      for (const [upstream, report] of this.#reports) {
        if (report.isAnswering !== undefined) up.with(upstream, report.source).set(report.isAnswering ? 1 : 0)
        failures.with(upstream, report.source).set(report.failures)
        skipped.with(upstream, report.source).set(report.skipped)
      }
    })
  }

  /** For the source of one upstream; one made before for the same upstream is not heard any more. */
  statusFor(upstream: string, source: string): SourceStatus {
    // These are not asked over a network, and have nothing to tell.
    const isSilent = source === 'static' || source === 'registration'
    const report: Report = { source, isAnswering: undefined, failures: 0, skipped: 0 }
    if (isSilent) this.#reports.delete(upstream)
    else this.#reports.set(upstream, report)
    return {
      answered: () => {
        if (report.isAnswering === false) this.#logger.info({ upstream, source }, 'the source of an upstream answers again')
        report.isAnswering = true
      },
      failed: (error) => {
        report.failures++
        if (report.isAnswering !== false) this.#logger.warn({ upstream, source, reason: reasonOf(error) }, 'the source of an upstream cannot be asked; what it told last stands')
        report.isAnswering = false
      },
      skipped: (what) => {
        report.skipped++
        this.#warnSkipped(`${upstream}: ${what}`)
      },
    }
  }

  forget(upstream: string): void {
    this.#reports.delete(upstream)
  }
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || 'no reason was given'
}
