import type { MetricSnapshot } from '@sluice/service-kit'

/** Of all routes, since the edge started. */
export interface TrafficTotals {
  readonly requests: number
  /** Those answered with a status of 500 or more. */
  readonly serverErrors: number
  /** Upper bounds in seconds, and one more count than bounds. */
  readonly durationBounds: number[]
  readonly durationCounts: number[]
}

/** What the metrics of an edge say of its traffic as a whole. */
export function trafficTotals(metrics: readonly MetricSnapshot[]): TrafficTotals {
  const requests = metrics.find(({ name }) => name === 'sluice_requests_total')
  const durations = metrics.find(({ name }) => name === 'sluice_request_duration_seconds')
  const status = requests?.labels.indexOf('status') ?? -1
  const total = (series: readonly { value: number }[]) => series.reduce((sum, { value }) => sum + value, 0)
  const bounds = durations?.bounds ?? []
  return {
    requests: total(requests?.series ?? []),
    serverErrors: total((requests?.series ?? []).filter(({ values }) => (values[status] ?? '').startsWith('5'))),
    durationBounds: [...bounds],
    durationCounts: [...bounds, Infinity].map((_, index) => (durations?.series ?? []).reduce((sum, { counts }) => sum + (counts[index] ?? 0), 0)),
  }
}
