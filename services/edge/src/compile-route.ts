/** From a route as it is written to what requests run on: the policies of every level in one chain, the ways it splits into, its mirror. */
import { standingPolicies } from '@sluice/policies'
import type { PolicyParts } from '@sluice/policies/policy'
import type { Route, Upstream } from '@sluice/proto/config'
import { disabledChain, guardedChain } from './break-glass/guarded-chain.ts'
import type { StandingOrders } from './break-glass/standing-orders.ts'
import type { CompiledRoute, CompiledSnapshot } from './compiled-snapshot.ts'
import { compileChain, type LoadedPolicies, type PolicyLevel } from './policy-chain/compile-chain.ts'
import { compilePlan, type CompiledPlan, withPlans } from './policy-chain/plan-levels.ts'
import { type PolicyChain, seesRequestBody } from './policy-chain/policy-chain.ts'
import { type Frame, SnapshotRefused } from './received-config.ts'
import { compileRewrite } from './router/rewrite.ts'
import { Split } from './router/split.ts'
import type { Mirror } from './upstream/mirrors.ts'

export interface RouteParts {
  readonly policies: LoadedPolicies
  readonly policyParts: Omit<PolicyParts, 'place' | 'compile'>
}

/** What routes of one revision are compiled with. */
export interface RouteContext {
  readonly frame: Frame
  readonly upstreams: Readonly<Record<string, Upstream>>
  readonly states: CompiledSnapshot['upstreams']
  readonly parts: RouteParts
  readonly orders: StandingOrders
  readonly groupLevels: ReadonlyMap<string, PolicyLevel>
  readonly plans: readonly CompiledPlan[]
}

/** What stands on every route unless a level says otherwise or switches it off. */
const alwaysOn: PolicyLevel = { level: 'default', entries: standingPolicies }

/** Makes once what all routes of the revision have in common. */
export function routeContext(facts: Omit<RouteContext, 'groupLevels' | 'plans'>): RouteContext {
  return { ...facts, groupLevels: groupLevelsOf(facts.frame), plans: facts.frame.plans.map(compilePlan) }
}

/** Throws `SnapshotRefused`, which names the route. */
export function compileRoute(route: Route, context: RouteContext): CompiledRoute {
  try {
    if (route.split === undefined) return compileWay(route, route.upstream, context)
    const ways = route.split.map(({ upstream, weight }) => ({ route: compileWay(route, upstream, context), weight }))
    return { ...ways[0]!.route, split: new Split(route.name, ways, route.splitOn) }
  } catch (error) {
    throw new SnapshotRefused(`route "${route.name}": ${(error as Error).message}`, `/routes/${route.name}`, error)
  }
}

/** The route as it leads to one upstream, whose policies it runs; undefined: to none. */
function compileWay(route: Route, upstream: string | undefined, { frame, upstreams, states, parts, orders, groupLevels, plans }: RouteContext): CompiledRoute {
  const levels: PolicyLevel[] = [{ level: `route:${route.name}`, entries: route.policies }]
  const settings = upstream === undefined ? undefined : upstreams[upstream]
  if (upstream !== undefined && settings === undefined) throw new Error(`there is no upstream "${upstream}"`)
  if (settings !== undefined) levels.push({ level: `upstream:${upstream}`, entries: settings.policies })
  levels.push({ level: 'global', entries: frame.policies }, alwaysOn)
  const own = compileChain(levels, withPlans(groupLevels, plans, route.name), parts.policies, parts.policyParts)
  if (route.match.groups !== undefined && own.lastIdentity < 0) throw new Error('"groups" needs a policy that says who is calling')
  const chain = obeying(own, route.name, orders)
  return {
    name: route.name,
    template: route.match.path ?? route.match.pathPrefix ?? route.match.pathRegex ?? '*',
    methods: route.match.methods,
    match: route.match,
    chain,
    seesBody: seesRequestBody(chain.steps),
    seesResponseBody: chain.seesResponseBody,
    hasAttemptHooks: chain.hasAttemptHooks,
    rewrite: compileRewrite(route.rewrite),
    upstream: upstream === undefined ? undefined : states.get(upstream),
    onClientAbort: route.onClientAbort,
    split: undefined,
    mirror: compileMirror(route, states),
  }
}

function obeying(own: PolicyChain, route: string, { disabledRoutes, blocked }: StandingOrders): PolicyChain {
  const chain = disabledRoutes.has(route) ? disabledChain(own) : own
  return blocked === undefined ? chain : guardedChain(chain, blocked)
}

function compileMirror({ name, mirror }: Route, states: RouteContext['states']): Mirror | undefined {
  if (mirror === undefined) return undefined
  const upstream = states.get(mirror.upstream)
  if (upstream === undefined) throw new Error(`there is no upstream "${mirror.upstream}"`)
  return { ...mirror, route: name, upstream }
}

function groupLevelsOf({ groups }: Frame): Map<string, PolicyLevel> {
  return new Map(groups.map((group) => [group.name, { level: `group:${group.name}`, entries: group.policies }]))
}
