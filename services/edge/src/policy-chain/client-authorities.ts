import { findPolicy } from '@sluice/policies'
import { readPolicyEntry, type PolicyEntry, type Route } from '@sluice/proto/config'

/** Routes by name as they are to be; undefined: gone. */
export type ChangedRoutes = Iterable<readonly [name: string, route: Route | undefined]>

/**
 * The authorities (PEM) of all policies that go by certificates of clients: what the TLS listener asks for. Of the routes
 * only those that have one are kept, so that a change costs by what it changes.
 */
export class ClientAuthorities {
  readonly #byRoute = new Map<string, readonly string[]>()

  /** Those there will be with these changes, and with `others`, the policies outside of routes; undefined: none. Changes nothing. */
  after(changed: ChangedRoutes, others: Iterable<readonly PolicyEntry[]>): string[] | undefined {
    const byRoute = new Map(this.#byRoute)
    apply(changed, byRoute)
    const found = new Set([...byRoute.values()].flat())
    for (const entries of others) for (const authority of authoritiesIn(entries)) found.add(authority)
    return found.size === 0 ? undefined : [...found]
  }

  adopt(changed: ChangedRoutes): void {
    apply(changed, this.#byRoute)
  }
}

function apply(changed: ChangedRoutes, byRoute: Map<string, readonly string[]>): void {
  for (const [name, route] of changed) {
    const found = route === undefined ? [] : authoritiesIn(route.policies)
    if (found.length === 0) byRoute.delete(name)
    else byRoute.set(name, found)
  }
}

function authoritiesIn(entries: readonly PolicyEntry[]): string[] {
  return entries.flatMap((entry) => {
    const { type, settings } = readPolicyEntry(entry)
    const schema = findPolicy(type)
    if (schema === undefined || settings === undefined) return []
    const own = schema.clientAuthorities === undefined ? [] : [schema.clientAuthorities(settings as never)]
    const nested = schema.nested?.(settings as never).map((one) => one.entry as PolicyEntry) ?? []
    return [...own, ...authoritiesIn(nested)]
  })
}
