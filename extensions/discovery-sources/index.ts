import type { DiscoverySourceEntry } from './discovery-source.ts'
import { schema as cloudMap } from './cloud-map/schema.ts'
import { schema as consul } from './consul/schema.ts'
import { schema as dns } from './dns/schema.ts'
import { schema as etcd } from './etcd/schema.ts'
import { schema as kubernetes } from './kubernetes/schema.ts'
import { schema as registration } from './registration/schema.ts'
import { schema as staticEndpoints } from './static/schema.ts'

/** Every discovery source, by the name that `discovery.source` uses; `static` is `endpoints`. */
export const discoverySources: readonly DiscoverySourceEntry[] = [
  { ...staticEndpoints, load: () => import('./static/static.ts') },
  { ...registration, load: () => import('./registration/registration.ts') },
  { ...dns, load: () => import('./dns/dns.ts') },
  { ...cloudMap, load: () => import('./cloud-map/cloud-map.ts') },
  { ...consul, load: () => import('./consul/consul.ts') },
  { ...etcd, load: () => import('./etcd/etcd.ts') },
  { ...kubernetes, load: () => import('./kubernetes/kubernetes.ts') },
]
