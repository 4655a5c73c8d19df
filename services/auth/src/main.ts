import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { busNamed } from '@sluice/buses'
import { openCredentialStore } from '@sluice/credential-stores'
import { defaultScope } from '@sluice/proto/subjects'
import { natsBusSettings, openingSettingsOf, runServiceProcess, storeDoors } from '@sluice/service-kit'
import { createAuth } from './service.ts'
import { authSettings } from './settings.ts'

/** Auth of the distributed mode: `sluice service auth`. */
export function main(): Promise<void> {
  return runServiceProcess({
    name: 'auth',
    settings: authSettings,
    doors: storeDoors,
    openBus: async (settings) => (await busNamed('nats').load()).createNatsBus(natsBusSettings(settings, 'auth')),
    async create(settings, parts) {
      const dataDirectory = resolve(settings.dataDir)
      if (settings.store === 'embedded') await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
      const store = await openCredentialStore(settings.store, openingSettingsOf(settings, dataDirectory), {
        clock: parts.clock,
        onWarning: (message) => parts.logger.warn(message),
      })
      return { service: createAuth({ ...parts, scope: defaultScope, store }), close: () => store.close() }
    },
  })
}
