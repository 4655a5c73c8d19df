import { balancers } from '@sluice/balancers'
import type { BalancerModule } from '@sluice/balancers/balancer'

/** Loads every balancer's implementation once, so that preparing an upstream does no I/O. */
export async function loadBalancers(): Promise<ReadonlyMap<string, BalancerModule>> {
  return new Map(await Promise.all(balancers.map(async (entry) => [entry.name, await entry.load()] as const)))
}
