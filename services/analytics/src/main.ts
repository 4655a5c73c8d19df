import { resolve } from 'node:path'
import { openAnalyticsStore } from '@sluice/analytics-stores'
import { busNamed } from '@sluice/buses'
import { defaultScope } from '@sluice/proto/subjects'
import { natsBusSettings, runServiceProcess } from '@sluice/service-kit'
import { createAnalytics } from './service.ts'
import { analyticsSettings } from './settings.ts'

/** Analytics of the distributed mode: `sluice service analytics`. */
export function main(): Promise<void> {
  return runServiceProcess({
    name: 'analytics',
    settings: analyticsSettings,
    openBus: async (settings) => (await busNamed('nats').load()).createNatsBus(natsBusSettings(settings, 'analytics')),
    async create({ dataDir, analyticsPart }, parts) {
      const file = resolve(dataDir, 'analytics.duckdb')
      const store = await openAnalyticsStore('duckdb', { file }, { clock: parts.clock, onWarning: (message) => parts.logger.warn(message) })
      return { service: createAnalytics({ ...parts, scope: defaultScope, store, part: analyticsPart }), close: () => store.close() }
    },
  })
}
