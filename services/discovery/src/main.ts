import { resolve } from 'node:path'
import { busNamed } from '@sluice/buses'
import { configVerifierFrom } from '@sluice/buses/config-feed'
import { defaultScope } from '@sluice/proto/subjects'
import { natsBusSettings, runServiceProcess } from '@sluice/service-kit'
import { createDiscovery } from './service.ts'
import { discoverySettings } from './settings.ts'

/** Discovery of the distributed mode: `sluice service discovery`. */
export function main(): Promise<void> {
  return runServiceProcess({
    name: 'discovery',
    settings: discoverySettings,
    openBus: async (settings) => (await busNamed('nats').load()).createNatsBus(natsBusSettings(settings, 'discovery')),
    create: async ({ dataDir, zone, configVerifyKeys }, parts) => {
      const verifier = configVerifierFrom(configVerifyKeys, 'SLUICE_CONFIG_VERIFY_KEYS')
      return { service: createDiscovery({ ...parts, scope: defaultScope, zone, verifier, dataDirectory: resolve(dataDir, 'discovery') }) }
    },
  })
}
