/** Configurations are stored with sorted keys; people read names and matches first. */
const order = ['version', 'name', 'listeners', 'telemetry', 'rollout', 'trustedProxies', 'upstreams', 'routes', 'match', 'upstream', 'rewrite', 'endpoints', 'discovery', 'url', 'groups', 'plans', 'plan', 'title', 'limit', 'quota', 'price', 'certificates', 'selfTests', 'guardrails', 'policies', 'consumers', 'credentials']
const placeOf = new Map(order.map((key, index) => [key, index]))

/** The document and its resources with their keys in the order of the interface; deeper settings stay as they are. */
export function inReadingOrder(document: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const ordered: Record<string, unknown> = orderKeys(document)
  for (const [key, value] of Object.entries(ordered)) {
    if (Array.isArray(value)) ordered[key] = value.map((item: unknown) => (isMap(item) ? orderKeys(item) : item))
  }
  return ordered
}

/** One resource, its name first. */
export function orderKeys<T extends Readonly<Record<string, unknown>>>(map: T): T {
  const place = (key: string) => placeOf.get(key) ?? order.length
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => place(a) - place(b))) as T
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
