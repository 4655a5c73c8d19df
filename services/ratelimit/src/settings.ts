import { distributedSettings, redisSettings } from '@sluice/service-kit'
import type { z } from 'zod'

/** Everything a ratelimit process reads from its environment. */
export const ratelimitSettings = distributedSettings(9102).extend(redisSettings)

export type RatelimitSettings = z.output<typeof ratelimitSettings>
