import type { DiscoverySourceEntry } from './discovery-source.ts'
import { schema as registration } from './registration/schema.ts'
import { schema as staticEndpoints } from './static/schema.ts'

/** Every discovery source, by the name that `discovery.source` uses; `static` is `endpoints`. */
export const discoverySources: readonly DiscoverySourceEntry[] = [
  { ...staticEndpoints, load: () => import('./static/static.ts') },
  { ...registration, load: () => import('./registration/registration.ts') },
]
