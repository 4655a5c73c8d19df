/** An answer over all parts, of which each knows its own edges: sums, and the least of the watermarks. */
import type { RouteItem, UsageItem } from '@sluice/analytics-stores/analytics-store'

interface Answer<T> {
  readonly items: readonly T[]
  readonly watermarkMs: number
}

export function mergeUsage(answers: readonly Answer<UsageItem>[]): { items: UsageItem[]; watermarkMs: number } {
  const byConsumer = new Map<string, UsageItem>()
  for (const { consumer, requests, refused, bytesIn, bytesOut } of answers.flatMap(({ items }) => items)) {
    const sum = byConsumer.get(consumer) ?? { consumer, requests: 0, refused: 0, bytesIn: 0, bytesOut: 0 }
    byConsumer.set(consumer, { consumer, requests: sum.requests + requests, refused: sum.refused + refused, bytesIn: sum.bytesIn + bytesIn, bytesOut: sum.bytesOut + bytesOut })
  }
  return { items: [...byConsumer.values()].sort((a, b) => (a.consumer < b.consumer ? -1 : 1)), watermarkMs: leastWatermark(answers) }
}

/** A quantile over all is not to be had from those of the parts: it is their mean, weighed by requests. */
export function mergeRoutes(answers: readonly Answer<RouteItem>[], limit: number): { items: RouteItem[]; watermarkMs: number } {
  const byRoute = Map.groupBy(answers.flatMap(({ items }) => items), ({ route }) => route)
  const items = [...byRoute].map(([route, parts]) => mergeRoute(route, parts)).sort((a, b) => b.requests - a.requests || (a.route < b.route ? -1 : 1))
  return { items: items.slice(0, limit), watermarkMs: leastWatermark(answers) }
}

function mergeRoute(route: string, parts: readonly RouteItem[]): RouteItem {
  const sum = (pick: (part: RouteItem) => number) => parts.reduce((total, part) => total + pick(part), 0)
  const requests = sum((part) => part.requests)
  const mean = (pick: (part: RouteItem) => number) => (requests === 0 ? 0 : sum((part) => pick(part) * part.requests) / requests)
  return {
    route, requests,
    clientErrors: sum((part) => part.clientErrors), serverErrors: sum((part) => part.serverErrors),
    p50Ms: mean((part) => part.p50Ms), p95Ms: mean((part) => part.p95Ms), p99Ms: mean((part) => part.p99Ms),
    bytesIn: sum((part) => part.bytesIn), bytesOut: sum((part) => part.bytesOut),
  }
}

/** A part that has never heard of an edge holds nobody up. */
function leastWatermark(answers: readonly Answer<unknown>[]): number {
  const known = answers.map(({ watermarkMs }) => watermarkMs).filter((watermark) => watermark > 0)
  return known.length === 0 ? 0 : Math.min(...known)
}
