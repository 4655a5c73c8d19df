import type { MetricSnapshot } from './metrics.ts'

type Series = MetricSnapshot['series'][number]

/** Adds up the snapshots of several processes; a metric of one name has one definition everywhere. */
export function mergeMetrics(snapshots: readonly (readonly MetricSnapshot[])[]): MetricSnapshot[] {
  const merged = new Map<string, { metric: MetricSnapshot; series: Map<string, Series> }>()
  for (const metric of snapshots.flat()) {
    const known = merged.get(metric.name) ?? { metric, series: new Map<string, Series>() }
    merged.set(metric.name, known)
    for (const one of metric.series) mergeSeries(known.series, one, metric.merge)
  }
  return [...merged.values()].map(({ metric, series }) => ({ ...metric, series: [...series.values()] }))
}

function mergeSeries(series: Map<string, Series>, one: Series, merge: MetricSnapshot['merge']): void {
  const key = one.values.join('\u0000')
  const other = series.get(key)
  if (other === undefined) {
    series.set(key, one)
    return
  }
  const value = merge === 'sum' ? other.value + one.value : Math[merge](other.value, one.value)
  const counts = other.counts.map((count, index) => count + (one.counts[index] ?? 0))
  series.set(key, { values: one.values, value, counts, sum: other.sum + one.sum })
}

/** The Prometheus text exposition format, version 0.0.4. */
export function renderMetrics(metrics: readonly MetricSnapshot[]): string {
  return metrics.map(renderMetric).join('')
}

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8'

function renderMetric(metric: MetricSnapshot): string {
  const lines = [`# HELP ${metric.name} ${metric.help.replaceAll('\\', '\\\\').replaceAll('\n', ' ')}`, `# TYPE ${metric.name} ${metric.kind}`]
  for (const series of metric.series) lines.push(...renderSeries(metric, series))
  return `${lines.join('\n')}\n`
}

function renderSeries(metric: MetricSnapshot, series: Series): string[] {
  if (metric.kind !== 'histogram') return [`${metric.name}${labelText(metric.labels, series.values)} ${numberText(series.value)}`]
  let running = 0
  const buckets = series.counts.map((count, index) => {
    running += count
    const bound = index < metric.bounds.length ? numberText(metric.bounds[index]!) : '+Inf'
    return `${metric.name}_bucket${labelText([...metric.labels, 'le'], [...series.values, bound])} ${running}`
  })
  const labels = labelText(metric.labels, series.values)
  return [...buckets, `${metric.name}_sum${labels} ${numberText(series.sum)}`, `${metric.name}_count${labels} ${running}`]
}

function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return ''
  return `{${names.map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`).join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN'
}
