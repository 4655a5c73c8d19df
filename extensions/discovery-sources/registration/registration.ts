import { isDeepStrictEqual } from 'node:util'
import type { DiscoverySource, Instance, SourceEndpoint, SourceParts } from '../discovery-source.ts'
import { isSelected } from '../selection.ts'
import type { RegistrationSettings } from './schema.ts'

/** A source of the instances that have registered under a service's name and have what the settings ask for. */
export function createSource(settings: RegistrationSettings, { instances }: Pick<SourceParts, 'instances'>): DiscoverySource {
  const chosen = (): SourceEndpoint[] => instances.list(settings.service).filter((instance) => isSelected(instance, settings)).map(asEndpoint)
  return {
    follow(onEndpoints) {
      let told = chosen()
      onEndpoints(told)
      return instances.watch(settings.service, () => {
        const now = chosen()
        if (isDeepStrictEqual(now, told)) return
        told = now
        onEndpoints(now)
      })
    },
  }
}

function asEndpoint({ service: _service, ...endpoint }: Instance): SourceEndpoint {
  return endpoint
}
