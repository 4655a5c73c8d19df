import type { Cell, HistogramCell, MetricsRegistry } from '@sluice/service-kit'
import type { Rollout } from './rollout/rollout.ts'
import type { SecretSources } from './secret-sources/secret-sources.ts'

const propagationBounds = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]

/** What `/metrics` shows of control. */
export class ControlMetrics {
  readonly #commits: Cell
  readonly #propagation: HistogramCell

  constructor(metrics: MetricsRegistry, { rollout, sources }: { rollout: Rollout; sources: Pick<SecretSources, 'states'> }) {
    this.#commits = metrics.counter('sluice_control_commits_total', 'Revisions committed by this control').with()
    this.#propagation = metrics.histogram('sluice_control_propagation_seconds', 'From the commit of a revision until every live edge ran it', propagationBounds).with()
    const head = metrics.gauge('sluice_control_head_revision', 'The newest revision known to control', [], 'max').with()
    const edges = metrics.gauge('sluice_control_edges', 'Edges by state', ['state'])
    const stores = metrics.gauge('sluice_control_secret_store_up', 'Whether a store of secrets that references lead to could be asked at last', ['kind'], 'min')
    const tokens = metrics.gauge('sluice_control_secret_token_seconds', 'Time until the token runs out that a store of secrets is asked with; negative when it has', ['kind'], 'min')
    metrics.onCollect(() => {
      for (const { kind, isUp, tokenSecondsLeft } of sources.states()) {
        stores.with(kind).set(isUp ? 1 : 0)
        if (tokenSecondsLeft !== undefined) tokens.with(kind).set(Math.floor(tokenSecondsLeft))
      }
      head.set(rollout.head()?.revision ?? 0)
      const states = rollout.edges().map((edge) => edge.state)
      for (const state of ['live', 'leaving', 'missing'] as const) edges.with(state).set(states.filter((one) => one === state).length)
    })
  }

  countCommit(): void {
    this.#commits.add(1)
  }

  observePropagation(ms: number): void {
    this.#propagation.observe(ms / 1000)
  }
}
