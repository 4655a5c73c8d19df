import { SluiceError } from '@sluice/errors'
import type { AnalyticsStore, StoreParts } from './analytics-store.ts'
import { schema as duckdb } from './duckdb/schema.ts'

export type { AnalyticsStore, RouteItem, StoreParts, UsageItem } from './analytics-store.ts'

interface AnalyticsStoreDriver {
  readonly name: string
  readonly summary: string
  load(): Promise<{ create(settings: object, parts?: StoreParts): Promise<AnalyticsStore> }>
}

export const analyticsStores = [
  { ...duckdb, load: () => import('./duckdb/duckdb.ts') },
] as const

/**
 * Opens the store of that name; only its driver is loaded. Throws `config.invalid` for a name that is not in the list
 * and for settings that do not fit.
 */
export async function openAnalyticsStore(name: string, settings: object, parts: StoreParts = {}): Promise<AnalyticsStore> {
  const drivers: readonly AnalyticsStoreDriver[] = analyticsStores
  const driver = drivers.find((candidate) => candidate.name === name)
  if (driver === undefined) {
    const names = drivers.map((candidate) => candidate.name).join(', ')
    throw new SluiceError('config.invalid', { detail: `there is no analytics store ${JSON.stringify(name)}; there is ${names}` })
  }
  return (await driver.load()).create(settings, parts)
}
