import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { busNamed } from '@sluice/buses'
import { configSignerFrom } from '@sluice/buses/config-feed'
import { openConfigStore } from '@sluice/config-stores'
import { defaultScope } from '@sluice/proto/subjects'
import { natsBusSettings, openingSettingsOf, runServiceProcess, storeDoors } from '@sluice/service-kit'
import { createControl } from './service.ts'
import { adminTlsOf, controlSettings } from './settings.ts'

/** Control of the distributed mode: `sluice service control`. */
export function main(): Promise<void> {
  return runServiceProcess({
    name: 'control',
    settings: controlSettings,
    doors: (settings) => [...storeDoors(settings), ...(adminTlsOf(settings) === undefined ? [{ setting: 'SLUICE_ADMIN_ADDRESS', url: settings.adminAddress }] : [])],
    openBus: async (settings) => (await busNamed('nats').load()).createNatsBus(natsBusSettings(settings, 'control')),
    async create(settings, parts) {
      const dataDirectory = resolve(settings.dataDir)
      await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
      const store = await openConfigStore(settings.store, openingSettingsOf(settings, dataDirectory), { clock: parts.clock, onWarning: (message) => parts.logger.warn(message) })
      const control = createControl({
        ...parts,
        scope: defaultScope,
        store,
        admin: { address: settings.adminAddress, setting: 'SLUICE_ADMIN_ADDRESS', tls: adminTlsOf(settings) },
        dataDirectory,
        signer: configSignerFrom(settings.configSigningKey, 'SLUICE_CONFIG_SIGNING_KEY'),
        environment: process.env,
        ...(settings.adminToken === undefined ? {} : { adminToken: settings.adminToken }),
        ...(settings.controlToken === undefined ? {} : { controlToken: settings.controlToken }),
      })
      return { service: control, close: () => store.close() }
    },
  })
}
