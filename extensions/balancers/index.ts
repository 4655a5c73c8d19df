import type { BalancerEntry } from './balancer.ts'
import { schema as consistentHash } from './consistent-hash/schema.ts'
import { schema as ipHash } from './ip-hash/schema.ts'
import { schema as latency } from './latency/schema.ts'
import { schema as leastRequests } from './least-requests/schema.ts'
import { schema as roundRobin } from './round-robin/schema.ts'
import { schema as stickyCookie } from './sticky-cookie/schema.ts'

/** Every balancer, by the name that `upstreams.*.balancer` uses. */
export const balancers: readonly BalancerEntry[] = [
  { ...roundRobin, load: () => import('./round-robin/round-robin.ts') },
  { ...leastRequests, load: () => import('./least-requests/least-requests.ts') },
  { ...consistentHash, load: () => import('./consistent-hash/consistent-hash.ts') },
  { ...ipHash, load: () => import('./ip-hash/ip-hash.ts') },
  { ...stickyCookie, load: () => import('./sticky-cookie/sticky-cookie.ts') },
  { ...latency, load: () => import('./latency/latency.ts') },
]
