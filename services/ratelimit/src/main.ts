import { busNamed } from '@sluice/buses'
import { countersNamed } from '@sluice/counters'
import { defaultScope } from '@sluice/proto/subjects'
import { natsBusSettings, oncePerMinute, redisCountersSettings, redisDoors, runServiceProcess } from '@sluice/service-kit'
import { createRatelimit } from './service.ts'
import { ratelimitSettings } from './settings.ts'

/** The rate-limit service of the distributed mode: `sluice service ratelimit`. */
export function main(): Promise<void> {
  return runServiceProcess({
    name: 'ratelimit',
    settings: ratelimitSettings,
    doors: redisDoors,
    openBus: async (settings) => (await busNamed('nats').load()).createNatsBus(natsBusSettings(settings, 'ratelimit')),
    async create(settings, parts) {
      const { createRedisCounters } = await countersNamed('redis').load()
      const warn = oncePerMinute((problem, times) => parts.logger.warn({ problem, times }, 'Redis cannot be used'))
      const counters = createRedisCounters(redisCountersSettings(settings), { onConnectionError: (error) => warn(error instanceof Error ? error.message : String(error)) })
      return { service: createRatelimit({ ...parts, scope: defaultScope, counters }), close: () => counters.close() }
    },
  })
}
