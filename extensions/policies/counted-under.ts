import type { LimiterRules } from './policy.ts'

/** Where an edge stands, as counts of zones and datacenters are told apart by it. */
export interface CountPlace {
  readonly zone: string
  readonly datacenter: string
}

const nowhere: CountPlace = { zone: '', datacenter: '' }

/** What stands before the key of a request in the counters: apart from other scopes of the configuration, zones and datacenters on the same Redis. */
export function countedUnder(scope: string, { counter, scope: reach = 'dc' }: Pick<LimiterRules, 'counter' | 'scope'>, { zone, datacenter }: CountPlace = nowhere): string {
  if (reach === 'global') return `${scope}:global:${counter}:`
  if (reach === 'az') return `${scope}:az=${datacenter}/${zone}:${counter}:`
  return datacenter === '' ? `${scope}:${counter}:` : `${scope}:dc=${datacenter}:${counter}:`
}
