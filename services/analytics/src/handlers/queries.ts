import type { AnalyticsStore, RouteItem, UsageItem } from '@sluice/analytics-stores/analytics-store'
import { SluiceError } from '@sluice/errors'
import type { TopRoutesQuery, UsageQuery } from '@sluice/proto/messages/analytics'

const defaultRoutes = 10
export const maxRoutes = 1000

/** Usage by consumer. Throws `client.bad_request`, `dependency.store_unreachable`. */
export async function answerUsageQuery(store: AnalyticsStore, scope: string, query: UsageQuery): Promise<{ items: UsageItem[]; watermarkMs: number }> {
  checkSpan(scope, query)
  return store.usage(scope, query.fromMs, query.toMs)
}

/** The most requested routes; 10 when no limit is given. Throws `client.bad_request`, `dependency.store_unreachable`. */
export async function answerTopRoutes(store: AnalyticsStore, scope: string, query: TopRoutesQuery): Promise<{ items: RouteItem[]; watermarkMs: number }> {
  checkSpan(scope, query)
  return store.topRoutes(scope, query.fromMs, query.toMs, routesLimit(query))
}

/** How many routes are wanted. */
export function routesLimit({ limit }: Pick<TopRoutesQuery, 'limit'>): number {
  return Math.min(limit || defaultRoutes, maxRoutes)
}

function checkSpan(scope: string, query: { scope: string; fromMs: number; toMs: number }): void {
  if (query.scope !== scope) throw bad(`the query is of another scope than ${scope}`)
  const isSpan = Number.isSafeInteger(query.fromMs) && Number.isSafeInteger(query.toMs) && query.fromMs >= 0 && query.fromMs <= query.toMs
  if (!isSpan) throw bad('from and to are instants in ms since 1970, from not after to')
}

function bad(detail: string): SluiceError {
  return new SluiceError('client.bad_request', { detail })
}
