import type { SourceEndpoint } from '../discovery-source.ts'
import { endpointUrl } from '../selection.ts'

/** An item of the answer of `/v1/health/service/:service`, as far as it is used. */
export interface ServiceEntry {
  readonly Node?: { readonly Node?: string; readonly Address?: string; readonly Datacenter?: string; readonly Meta?: Readonly<Record<string, string>> | null }
  readonly Service?: {
    readonly ID?: string
    readonly Address?: string
    readonly Port?: number
    readonly Tags?: readonly string[] | null
    readonly Meta?: Readonly<Record<string, string>> | null
    readonly Weights?: { readonly Passing?: number; readonly Warning?: number }
  }
  readonly Checks?: readonly { readonly Name?: string; readonly Status?: string }[] | null
}

const maxWeight = 1000

/**
 * The endpoint of an instance; undefined without address and port. Its id is unique over nodes. Critical checks make it
 * down; a warning gives it the weight that Consul keeps for that case.
 */
export function endpointOf({ Node: node = {}, Service: service = {}, Checks: checks }: ServiceEntry): SourceEndpoint | undefined {
  const address = service.Address || node.Address || ''
  const url = endpointUrl(address, service.Port ?? 0)
  if (url === undefined) return undefined
  const critical = checks?.find(({ Status }) => Status === 'critical' || Status === 'maintenance')
  const isWarned = checks?.some(({ Status }) => Status === 'warning') === true
  const weight = (isWarned ? service.Weights?.Warning : service.Weights?.Passing) ?? 1
  return {
    id: `${node.Node ?? ''}/${service.ID ?? url}`,
    url,
    weight: Math.min(maxWeight, Math.max(0, weight)),
    zone: service.Meta?.['zone'] ?? node.Meta?.['zone'] ?? '',
    priority: 0,
    tags: service.Tags ?? [],
    version: service.Meta?.['version'] ?? '',
    datacenter: node.Datacenter ?? '',
    healthUrl: '',
    down: critical === undefined ? '' : `its check "${critical.Name ?? 'unnamed'}" is ${critical.Status} in Consul`,
  }
}
