import type { SourceEndpoint } from './discovery-source.ts'

/** Which of a service's endpoints an upstream takes; what is left out takes all. */
export interface Selection {
  readonly tags: readonly string[]
  readonly version?: string | undefined
  readonly datacenter?: string | undefined
}

/** Whether an endpoint has all the tags, the version and the datacenter that are asked for. */
export function isSelected(endpoint: Pick<SourceEndpoint, 'tags' | 'version' | 'datacenter'>, { tags, version, datacenter }: Selection): boolean {
  if (version !== undefined && endpoint.version !== version) return false
  if (datacenter !== undefined && endpoint.datacenter !== datacenter) return false
  return tags.every((tag) => endpoint.tags.includes(tag))
}

/** The URL of an address, which may be an IPv6 address or a name; undefined when it is none. */
export function endpointUrl(address: string, port: number): string | undefined {
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`
  if (!Number.isInteger(port) || port < 1 || port > 65_535 || !URL.canParse(url)) return undefined
  const { hostname, pathname, search, hash, username } = new URL(url)
  return hostname !== '' && pathname === '/' && search === '' && hash === '' && username === '' ? url : undefined
}
