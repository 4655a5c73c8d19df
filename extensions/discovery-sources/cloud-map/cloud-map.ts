/**
 * The instances of a service of AWS Cloud Map, by the action `DiscoverInstances` of its API (JSON 1.1). Cloud Map has no watch: it is
 * asked each `pollSeconds`. A service has a thousand instances at most, which is one answer.
 */
import { signPost } from '@sluice/http'
import type { DiscoverySource, SourceEndpoint, SourceParts } from '../discovery-source.ts'
import { followLasting, pause, type Session } from '../lasting-follow.ts'
import { RegistryClient } from '../registry-client.ts'
import { endpointUrl, isSelected } from '../selection.ts'
import { credentialsOf } from './credentials.ts'
import type { CloudMapSettings } from './schema.ts'

const maxInstances = 1000
const maxWeight = 1000

export function createSource(settings: CloudMapSettings, { status }: Pick<SourceParts, 'status'>): DiscoverySource {
  return {
    follow(onEndpoints) {
      const client = new RegistryClient(settings.tls)
      const credentials = credentialsOf(settings, client)
      const session = async ({ signal, tell }: Session) => {
        while (!signal.aborted) {
          const { url, ...question } = requestFor(settings)
          const headers = signPost({ url, ...question, region: settings.region, service: 'servicediscovery' }, await credentials(signal), new Date())
          const { body } = await client.json(url, { method: 'POST', signal, headers, body: question.body })
          tell(endpointsIn(body, settings, status))
          await pause(settings.pollSeconds * 1000, signal)
        }
      }
      return followLasting(status, onEndpoints, session, () => client.close())
    },
  }
}

function requestFor({ url, region, namespace, service }: CloudMapSettings) {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return {
    url: new URL('/', url ?? `https://data-servicediscovery.${region}.${domain}`),
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Route53AutoNaming_v20170314.DiscoverInstances' },
    body: JSON.stringify({ NamespaceName: namespace, ServiceName: service, HealthStatus: 'ALL', MaxResults: maxInstances }),
  }
}

/** An item of the answer, as far as it is used. */
interface FoundInstance {
  readonly InstanceId?: string
  readonly HealthStatus?: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN'
  readonly Attributes?: Readonly<Record<string, string>>
}

function endpointsIn(body: unknown, settings: CloudMapSettings, status: SourceParts['status']): SourceEndpoint[] {
  const found = (body as { Instances?: unknown } | null)?.Instances
  if (!Array.isArray(found)) throw new Error('its answer has no list of instances')
  const endpoints: SourceEndpoint[] = []
  for (const instance of found as FoundInstance[]) {
    const endpoint = endpointOf(instance, settings)
    if (endpoint === undefined) status.skipped(`the instance "${instance.InstanceId}" of "${settings.service}", which has no usable address and port`)
    else if (isSelected(endpoint, settings)) endpoints.push(endpoint)
  }
  return endpoints
}

/** Attributes that Cloud Map and ECS give begin with capitals, the others are whoever registered the instance's. */
function endpointOf({ InstanceId: id, HealthStatus: health, Attributes: attributes = {} }: FoundInstance, { port, region }: CloudMapSettings): SourceEndpoint | undefined {
  const address = attributes['AWS_INSTANCE_IPV4'] ?? attributes['AWS_INSTANCE_IPV6'] ?? attributes['AWS_INSTANCE_CNAME'] ?? ''
  const url = endpointUrl(address, Number(attributes['AWS_INSTANCE_PORT'] ?? port ?? 0))
  if (url === undefined || id === undefined) return undefined
  const weight = Number(attributes['weight'] ?? 1)
  return {
    id,
    url,
    weight: Number.isFinite(weight) ? Math.min(maxWeight, Math.max(0, weight)) : 1,
    zone: attributes['zone'] ?? attributes['AVAILABILITY_ZONE'] ?? '',
    priority: 0,
    tags: (attributes['tags'] ?? '').split(',').map((tag) => tag.trim()).filter((tag) => tag !== ''),
    version: attributes['version'] ?? '',
    datacenter: attributes['datacenter'] ?? attributes['REGION'] ?? region,
    healthUrl: '',
    down: health === 'UNHEALTHY' ? 'it is unhealthy in Cloud Map' : '',
  }
}
