import { distributedSettings } from '@sluice/service-kit'
import type { z } from 'zod'
import { onlyPart, partSetting } from './parts/part.ts'

/** Everything an analytics process reads from its environment; its store lies in `SLUICE_DATA_DIR`. */
export const analyticsSettings = distributedSettings(9104).extend({ analyticsPart: partSetting.default(onlyPart) })

export type AnalyticsSettings = z.output<typeof analyticsSettings>
