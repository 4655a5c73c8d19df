/**
 * The instances of a service of Consul, by blocking queries on `/v1/health/service/:service`: a question with the index of
 * the last answer stays open until something has changed. The rules for the index are those of Consul's documentation
 * (Blocking Queries, Implementation Details): begin anew when it goes back or is no positive number.
 */
import type { DiscoverySource, SourceEndpoint, SourceParts } from '../discovery-source.ts'
import { followLasting, pause, type Session } from '../lasting-follow.ts'
import { RegistryClient } from '../registry-client.ts'
import { isSelected } from '../selection.ts'
import type { ConsulSettings } from './schema.ts'
import { endpointOf, type ServiceEntry } from './service-entry.ts'

/** Between two questions: a service that changes without end is not asked without end. */
const breathMs = 100
/** Consul adds a sixteenth to the wait, so that not all come back at once; and a little for the way. */
const graceMs = 5000

export function createSource(settings: ConsulSettings, { status }: Pick<SourceParts, 'status'>): DiscoverySource {
  return {
    follow(onEndpoints) {
      const client = new RegistryClient(settings.tls)
      const session = async ({ signal, tell }: Session) => {
        let index = 0
        while (!signal.aborted) {
          const question = { signal, silenceMs: settings.waitSeconds * 1000 * (1 + 1 / 16) + graceMs, headers: settings.token === undefined ? {} : { 'x-consul-token': settings.token } }
          const { headers, body } = await client.json(urlOf(settings, index), question)
          tell(endpointsIn(body, settings, status))
          index = nextIndex(index, Number(headers['x-consul-index']))
          await pause(breathMs, signal)
        }
      }
      return followLasting(status, onEndpoints, session, () => client.close())
    },
  }
}

function urlOf({ url, service, datacenter, waitSeconds }: ConsulSettings, index: number): URL {
  const asked = new URL(`/v1/health/service/${encodeURIComponent(service)}`, url)
  if (datacenter !== undefined) asked.searchParams.set('dc', datacenter)
  if (index > 0) asked.searchParams.set('index', String(index))
  if (index > 0) asked.searchParams.set('wait', `${Math.round(waitSeconds * 1000)}ms`)
  return asked
}

function nextIndex(before: number, now: number): number {
  return Number.isSafeInteger(now) && now >= before && now > 0 ? now : 0
}

function endpointsIn(body: unknown, settings: ConsulSettings, status: SourceParts['status']): SourceEndpoint[] {
  if (!Array.isArray(body)) throw new Error('its answer is no list')
  const endpoints: SourceEndpoint[] = []
  for (const entry of body as ServiceEntry[]) {
    const endpoint = endpointOf(entry)
    if (endpoint === undefined) status.skipped(`an instance of "${settings.service}" without a usable address and port`)
    else if (isSelected(endpoint, { ...settings, datacenter: undefined })) endpoints.push(endpoint)
  }
  return endpoints
}
