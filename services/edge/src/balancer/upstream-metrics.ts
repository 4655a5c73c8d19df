import type { Clock, MetricsRegistry } from '@sluice/service-kit'
import type { CircuitState } from './circuit-breaker.ts'
import type { UpstreamState } from './upstream-state.ts'

const stateNumbers: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 }

/** Has the metrics of a worker's upstreams filled at each scrape; those of upstreams that are gone go with them. */
export function measureUpstreams(upstreams: () => Iterable<UpstreamState>, metrics: MetricsRegistry, clock: Clock): void {
  const circuits = metrics.gauge('sluice_circuit_state', 'Of upstreams with a circuit breaker: 0 closed, 1 half-open, 2 open; the worst of the workers.', ['upstream'], 'max')
  const opened = metrics.counter('sluice_circuit_opened_total', 'Times that a worker stopped sending to an upstream.', ['upstream'])
  const ejections = metrics.counter('sluice_endpoint_ejections_total', 'Times that a worker put an endpoint aside because it failed.', ['upstream'])
  const leftOut = metrics.gauge('sluice_endpoints_left_out', 'Endpoints that a worker leaves out by what it saw itself; the most of the workers.', ['upstream'], 'max')
  metrics.onCollect(() => {
    for (const family of [circuits, opened, ejections, leftOut]) family.clear()
    const now = clock.monotonic()
    for (const { name, circuit, outliers, endpoints } of upstreams()) {
      if (circuit !== undefined) {
        circuits.with(name).set(stateNumbers[circuit.stateAt(now)])
        opened.with(name).set(circuit.opened)
      }
      ejections.with(name).set(outliers.ejections)
      leftOut.with(name).set([...endpoints.byId.values()].filter(({ leftOutUntil }) => leftOutUntil > now).length)
    }
  })
}
