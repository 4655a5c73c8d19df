import type { BalancerEntry } from './balancer.ts'
import { schema as roundRobin } from './round-robin/schema.ts'

/** Every balancer, by the name that `upstreams.*.balancer` uses. */
export const balancers: readonly BalancerEntry[] = [
  { ...roundRobin, load: () => import('./round-robin/round-robin.ts') },
]
