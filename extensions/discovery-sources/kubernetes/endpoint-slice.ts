import type { SourceEndpoint } from '../discovery-source.ts'
import { endpointUrl } from '../selection.ts'
import type { KubernetesSettings } from './schema.ts'

/** An EndpointSlice of `discovery.k8s.io/v1`, as far as it is used. */
export interface EndpointSlice {
  readonly metadata: { readonly name?: string; readonly resourceVersion?: string }
  readonly addressType?: string
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[] | null
  readonly endpoints?:
    | readonly {
        readonly addresses?: readonly string[]
        readonly conditions?: { readonly ready?: boolean | null }
        readonly zone?: string
      }[]
    | null
}

/**
 * The ready endpoints of a Service's slices. One that is not ready, or that is about to end, is left out rather than called
 * unhealthy: a pod that has not started yet says nothing about the others. `ready` left out means ready.
 */
export function endpointsOf(slices: Iterable<EndpointSlice>, settings: Pick<KubernetesSettings, 'port' | 'addressType'>): SourceEndpoint[] {
  const endpoints: SourceEndpoint[] = []
  for (const slice of slices) {
    const port = portOf(slice, settings.port)
    if (slice.addressType !== settings.addressType || port === undefined) continue
    for (const { addresses = [], conditions, zone = '' } of slice.endpoints ?? []) {
      // Only the first address is to be used; there is never more than one in practice (API reference of EndpointSlice).
      const url = conditions?.ready === false ? undefined : endpointUrl(addresses[0] ?? '', port)
      if (url !== undefined) endpoints.push({ id: url.slice('http://'.length), url, weight: 1, zone, priority: 0, tags: [], version: '', datacenter: '', healthUrl: '', down: '' })
    }
  }
  return endpoints
}

function portOf({ ports }: EndpointSlice, wanted: KubernetesSettings['port']): number | undefined {
  const list = (ports ?? []).filter(({ port, protocol }) => port !== undefined && (protocol === undefined || protocol === 'TCP'))
  if (wanted === undefined) return list.length === 1 ? list[0]!.port : undefined
  return list.find(({ name, port }) => name === wanted || port === wanted)?.port
}
