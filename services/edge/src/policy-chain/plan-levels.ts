/** Plans as policies of the group that their subscribers are in: a route without plans has nothing of them. */
import { groupOfPlan, limitsOfPlan, type Plan } from '@sluice/proto/config'
import type { PolicyLevel } from './compile-chain.ts'

export interface CompiledPlan {
  readonly group: string
  /** Undefined: it has every route. */
  readonly routes: ReadonlySet<string> | undefined
  readonly onItsRoutes: PolicyLevel
  readonly elsewhere: PolicyLevel
}

/** Made once a revision, so that settings are read once however many routes there are. */
export function compilePlan(plan: Plan): CompiledPlan {
  const group = groupOfPlan(plan.name)
  const common = { level: group, isBinding: true }
  return {
    group,
    routes: plan.routes === undefined ? undefined : new Set(plan.routes),
    onItsRoutes: { ...common, entries: limitsOfPlan(plan) },
    elsewhere: { ...common, entries: [{ acl: { name: 'plan', deny: { groups: [group] } } }] },
  }
}

/** The levels of groups with those that plans have on a route. */
export function withPlans(groupLevels: ReadonlyMap<string, PolicyLevel>, plans: readonly CompiledPlan[], route: string): ReadonlyMap<string, PolicyLevel> {
  if (plans.length === 0) return groupLevels
  const levels = new Map(groupLevels)
  for (const { group, routes, onItsRoutes, elsewhere } of plans) levels.set(group, routes === undefined || routes.has(route) ? onItsRoutes : elsewhere)
  return levels
}
