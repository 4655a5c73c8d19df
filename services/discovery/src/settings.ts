import { distributedSettings } from '@sluice/service-kit'
import type { z } from 'zod'

/** Everything a discovery process reads from its environment; its state lies in `SLUICE_DATA_DIR`. */
export const discoverySettings = distributedSettings(9103)

export type DiscoverySettings = z.output<typeof discoverySettings>
