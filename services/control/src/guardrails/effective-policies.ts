import { type PolicyEntry, readPolicyEntry, upstreamsOfRoute } from '@sluice/proto/config'
import type { WrittenDocument } from '../revisions/resources.ts'

type RouteInput = NonNullable<WrittenDocument['routes']>[number]

export interface PolicyInForce {
  readonly type: string
  readonly settings: Readonly<Record<string, unknown>>
}

/**
 * What is in force for every caller of a route, for each way that it may take: its own policies, those of the upstream and
 * those for every route, the most specific first. Policies of groups are not: they are for some.
 */
export function policiesInForce(route: RouteInput, { upstreams = {}, policies = [] }: WrittenDocument): PolicyInForce[][] {
  const ways = upstreamsOfRoute(route)
  const levels = ways.length === 0 ? [[]] : ways.map((name) => upstreams[name]?.policies ?? [])
  return levels.map((ofUpstream) => inForce([route.policies ?? [], ofUpstream, policies]))
}

function inForce(levels: readonly (readonly PolicyEntry[])[]): PolicyInForce[] {
  const found = new Map<string, PolicyInForce>()
  const off = new Set<string>()
  for (const level of levels) {
    const switchedOff: string[] = []
    for (const entry of level) {
      const { type, settings } = readPolicyEntry(entry)
      const key = `${type} ${String(settings?.['name'] ?? type)}`
      if (settings === undefined) switchedOff.push(type)
      else if (!off.has(type) && !found.has(key)) found.set(key, { type, settings })
    }
    for (const type of switchedOff) off.add(type)
  }
  return [...found.values()]
}
