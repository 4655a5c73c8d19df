/** The break-glass orders that a worker obeys, sorted by what they are about. */
import { CidrSet } from '@sluice/http'
import type { BreakGlassOrder } from '@sluice/proto/break-glass'
import type { EndpointOrders } from '../balancer/upstream-state.ts'

/** Who is let in nowhere. */
export interface Blocked {
  /** The same for those who block the same. */
  readonly key: string
  readonly addresses: CidrSet | undefined
  readonly consumers: ReadonlySet<string>
  readonly credentials: ReadonlySet<string>
}

export interface StandingOrders {
  readonly disabledRoutes: ReadonlySet<string>
  /** Undefined: nobody is. */
  readonly blocked: Blocked | undefined
  readonly upstreams: ReadonlyMap<string, EndpointOrders>
}

export const noOrders: StandingOrders = { disabledRoutes: new Set(), blocked: undefined, upstreams: new Map() }

export function sortOrders(orders: readonly BreakGlassOrder[]): StandingOrders {
  const disabledRoutes = new Set<string>()
  const addresses: string[] = []
  const consumers = new Set<string>()
  const credentials = new Set<string>()
  const upstreams = new Map<string, { isDrained: boolean; drained: Set<string>; weights: Map<string, number> }>()
  const ofUpstream = (name: string) => {
    const known = upstreams.get(name) ?? { isDrained: false, drained: new Set<string>(), weights: new Map<string, number>() }
    upstreams.set(name, known)
    return known
  }
  for (const order of orders) {
    if (order.action === 'disable-route') disabledRoutes.add(order.route)
    else if (order.action === 'block-address') addresses.push(order.address)
    else if (order.action === 'block-consumer') consumers.add(order.consumer)
    else if (order.action === 'block-credential') credentials.add(order.credential)
    else if (order.action === 'weight') ofUpstream(order.upstream).weights.set(order.endpoint, order.weight)
    else if (order.endpoint === undefined) ofUpstream(order.upstream).isDrained = true
    else ofUpstream(order.upstream).drained.add(order.endpoint)
  }
  const isAnybodyBlocked = addresses.length + consumers.size + credentials.size > 0
  const key = JSON.stringify([addresses, [...consumers], [...credentials]])
  return { disabledRoutes, blocked: isAnybodyBlocked ? { key, addresses: addresses.length === 0 ? undefined : new CidrSet(addresses), consumers, credentials } : undefined, upstreams }
}
