import { distributedSettings } from '@sluice/service-kit'
import type { z } from 'zod'

/** Everything an analytics process reads from its environment; its store lies in `SLUICE_DATA_DIR`. */
export const analyticsSettings = distributedSettings(9104)

export type AnalyticsSettings = z.output<typeof analyticsSettings>
