import { distributedSettings, storeSettings } from '@sluice/service-kit'
import type { z } from 'zod'

/** Everything an auth process reads from its environment. */
export const authSettings = distributedSettings(9101).extend(storeSettings)

export type AuthSettings = z.output<typeof authSettings>
