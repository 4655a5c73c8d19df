/** What a break-glass order is about, in the configuration that it lies over. */
import type { BreakGlassOrder } from '@sluice/proto/break-glass'
import type { SegmentedConfig } from '@sluice/proto/config'

interface WrittenUpstream {
  readonly endpoints?: readonly { readonly url: string; readonly weight?: number }[]
}

/** Why the order can do nothing to this configuration; undefined: it can. */
export function missingTarget(order: BreakGlassOrder, config: SegmentedConfig): string | undefined {
  if (order.action === 'disable-route') return config.get(`routes/${order.route}`) === undefined ? `There is no route "${order.route}"` : undefined
  if (order.action !== 'drain' && order.action !== 'weight') return undefined
  const upstream = config.get(`upstreams/${order.upstream}`) as WrittenUpstream | undefined
  if (upstream === undefined) return `There is no upstream "${order.upstream}"`
  // Those that register, or are looked up, are known to discovery alone.
  if (order.endpoint === undefined || upstream.endpoints === undefined) return undefined
  if (upstream.endpoints.some(({ url }) => url === order.endpoint)) return undefined
  return `The upstream "${order.upstream}" has no endpoint "${order.endpoint}"; it has ${upstream.endpoints.slice(0, 5).map(({ url }) => url).join(', ')}${upstream.endpoints.length > 5 ? ', …' : ''}`
}

/** Whether the configuration says the same by itself, so that the order is not needed any more. */
export function isTakenOver(order: BreakGlassOrder, config: SegmentedConfig): boolean {
  if (order.action === 'block-address') return deniedEverywhere(config).includes(order.address)
  // Who may call is no part of a revision.
  if (order.action === 'block-consumer' || order.action === 'block-credential') return false
  if (missingTarget(order, config) !== undefined) return true
  if (order.action === 'disable-route' || order.endpoint === undefined) return false
  const { endpoints = [] } = config.get(`upstreams/${order.upstream}`) as WrittenUpstream
  const written = endpoints.find(({ url }) => url === order.endpoint)
  return written !== undefined && (written.weight ?? 1) === (order.action === 'drain' ? 0 : order.weight)
}

/** By `ip-restriction` among the policies for every route. */
function deniedEverywhere(config: SegmentedConfig): unknown[] {
  const policies = (config.get('policies') ?? []) as readonly Readonly<Record<string, { deny?: unknown[] } | false>>[]
  return policies.flatMap(({ 'ip-restriction': restriction }) => (restriction ? (restriction.deny ?? []) : []))
}

/** The order in words, for lists and the audit log. */
export function tellOrder(order: BreakGlassOrder): string {
  switch (order.action) {
    case 'drain':
      return `drain ${order.endpoint === undefined ? '' : `${order.endpoint} of `}upstream ${order.upstream}`
    case 'weight':
      return `weight ${order.weight} for ${order.endpoint} of upstream ${order.upstream}`
    case 'disable-route':
      return `disable route ${order.route}`
    case 'block-address':
      return `block address ${order.address}`
    case 'block-consumer':
      return `block consumer ${order.consumer}`
    case 'block-credential':
      return `block credential ${order.credential}`
  }
}
