/**
 * Routes that are alike but for `groups`. Which of them a request takes is known once its caller is, so up to there they have to
 * do the same: each says who is calling, and what stands before that and beside it is alike.
 */
import { runningOrder } from '@sluice/policies'
import { routeMatch, siblingKeyOf } from '@sluice/proto/config'
import { type DocumentView, isMap, type Part, type Settings, textOf } from './document-view.ts'
import type { PolicySchemas } from './policy-checks.ts'
import type { ProblemList } from './problem.ts'

interface Placed {
  readonly type: string
  readonly settings: unknown
  readonly written: unknown
}

export function checkGroupRoutes(view: DocumentView, resolved: unknown, policies: PolicySchemas, problems: ProblemList): void {
  if (!view.routes.some(({ settings }) => isMap(settings['match']) && settings['match']['groups'] !== undefined)) return
  const global = isMap(resolved) ? resolved['policies'] : undefined
  const upstreams = new Map(view.upstreams.map(({ name, settings }) => [name, settings]))
  for (const siblings of siblingsIn(view.routes)) {
    const [first, ...others] = siblings.map((route) => ({ route, early: earlyPolicies(route.settings, upstreams, global, policies) }))
    for (const { route, early } of [first!, ...others]) {
      if (early === undefined) problems.add({ path: [...route.path, 'match', 'groups'], message: 'the route goes by groups, and nothing says who is calling', expected: 'a policy that does, such as "jwt" or "key-auth"', code: 'config.invalid' })
      else if (first!.early !== undefined && early !== first!.early) problems.add({ path: [...route.path, 'policies'], message: `the routes "${textOf(first!.route.settings, 'name')}" and "${textOf(route.settings, 'name')}" differ in more than their groups before it is known who is calling`, expected: 'the same policies that identify, and the same before them', code: 'config.invalid' })
    }
  }
}

/** Those that are alike, where one goes by groups. */
function siblingsIn(routes: readonly Part[]): Part[][] {
  const byKey = new Map<string, { routes: Part[]; hasGroups: boolean }>()
  for (const route of routes) {
    const match = routeMatch.safeParse(route.settings['match'])
    if (!match.success) continue
    const key = siblingKeyOf(match.data)
    const known = byKey.get(key) ?? { routes: [], hasGroups: false }
    byKey.set(key, known)
    known.routes.push(route)
    known.hasGroups ||= match.data.groups !== undefined
  }
  return [...byKey.values()].filter(({ hasGroups }) => hasGroups).map((one) => one.routes)
}

/** What runs until it is known who is calling, as one text; undefined when that is never known. */
function earlyPolicies(route: Settings, upstreams: ReadonlyMap<string, Settings>, global: unknown, policies: PolicySchemas): string | undefined {
  const ways = Array.isArray(route['split']) ? route['split'].map((way: unknown) => textOf(way, 'upstream')) : [textOf(route, 'upstream')]
  const texts = ways.map((upstream) => {
    const lists = [route['policies'], upstream === undefined ? undefined : upstreams.get(upstream)?.['policies'], global]
    const ordered = runningOrder(effective(lists, policies))
    const last = ordered.findLastIndex(({ type, settings }) => policies.get(type)?.identity === true && (settings as { shadow?: boolean }).shadow !== true)
    return last < 0 ? undefined : JSON.stringify(ordered.slice(0, last + 1).map(({ type, written }) => [type, written]))
  })
  return texts.includes(undefined) ? undefined : JSON.stringify([...new Set(texts)])
}

/** The most specific of each type and name; what is wrong with them is said elsewhere. */
function effective(lists: readonly unknown[], policies: PolicySchemas): Placed[] {
  const chosen = new Map<string, Placed>()
  const off = new Set<string>()
  for (const list of lists) {
    const offHere: string[] = []
    for (const entry of Array.isArray(list) ? list.filter(isMap) : []) {
      const [type = '', written] = Object.entries(entry)[0] ?? []
      const key = `${type} ${textOf(written, 'name') ?? type}`
      if (written === false) offHere.push(type)
      else if (!off.has(type) && !chosen.has(key)) {
        const parsed = policies.get(type)?.settings.safeParse(written ?? {})
        if (parsed?.success === true) chosen.set(key, { type, settings: parsed.data, written })
      }
    }
    for (const type of offHere) off.add(type)
  }
  return [...chosen.values()]
}
