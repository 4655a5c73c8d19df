import { busNamed } from '@sluice/buses'
import { countersNamed } from '@sluice/counters'
import { defaultScope } from '@sluice/proto/subjects'
import { natsBusSettings, oncePerMinute, runServiceProcess } from '@sluice/service-kit'
import { createRatelimit } from './service.ts'
import { ratelimitSettings } from './settings.ts'

/** The rate-limit service of the distributed mode: `sluice service ratelimit`. */
export function main(): Promise<void> {
  return runServiceProcess({
    name: 'ratelimit',
    settings: ratelimitSettings,
    doors: ({ redisUrl }) => [{ setting: 'SLUICE_REDIS_URL', url: redisUrl }],
    openBus: async (settings) => (await busNamed('nats').load()).createNatsBus(natsBusSettings(settings, 'ratelimit')),
    async create({ redisUrl }, parts) {
      const { createRedisCounters } = await countersNamed('redis').load()
      const warn = oncePerMinute((problem, times) => parts.logger.warn({ problem, times }, 'Redis cannot be used'))
      const counters = createRedisCounters({ url: redisUrl }, { onConnectionError: (error) => warn(error instanceof Error ? error.message : String(error)) })
      return { service: createRatelimit({ ...parts, scope: defaultScope, counters }), close: () => counters.close() }
    },
  })
}
