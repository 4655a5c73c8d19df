import type { DiscoverySource, SourceEndpoint } from '../discovery-source.ts'
import type { StaticSettings } from './schema.ts'

/** A source that tells the configured endpoints, once. */
export function createSource({ endpoints }: StaticSettings): DiscoverySource {
  const byUrl = new Map<string, SourceEndpoint>()
  for (const { url, weight, zone, priority } of endpoints) {
    if (byUrl.has(url)) continue
    byUrl.set(url, { id: url, url, weight, zone, priority, tags: [], version: '', datacenter: '', healthUrl: '', down: '' })
  }
  const list = [...byUrl.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  return {
    follow(onEndpoints) {
      onEndpoints(list)
      return { stop: () => undefined }
    },
  }
}
