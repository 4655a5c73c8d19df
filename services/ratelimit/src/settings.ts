import { distributedSettings } from '@sluice/service-kit'
import { z } from 'zod'

/** Everything a ratelimit process reads from its environment. */
export const ratelimitSettings = distributedSettings(9102).extend({
  redisUrl: z.string().default('redis://127.0.0.1:6379'),
})

export type RatelimitSettings = z.output<typeof ratelimitSettings>
