import { distributedSettings } from '@sluice/service-kit'
import { z } from 'zod'

/** Everything a discovery process reads from its environment; its state lies in `SLUICE_DATA_DIR`. */
export const discoverySettings = distributedSettings(9103).extend({ zone: z.string().default(''), configVerifyKeys: z.string().min(1).optional() })

export type DiscoverySettings = z.output<typeof discoverySettings>
