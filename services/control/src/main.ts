import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { busNamed } from '@sluice/buses'
import { configSignerFrom } from '@sluice/buses/config-feed'
import { openConfigStore } from '@sluice/config-stores'
import { defaultScope } from '@sluice/proto/subjects'
import { natsBusSettings, openingSettingsOf, runServiceProcess, storeDoors } from '@sluice/service-kit'
import { createControl } from './service.ts'
import { adminTlsOf, controlSealing, controlSettings } from './settings.ts'

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
      const sealing = controlSealing(settings, dataDirectory)
      if (sealing === undefined) parts.logger.warn('SLUICE_SEALING_KEY is not set: values of references lie in the store in clear, and private keys are not taken by the admin API')
      const control = createControl({
        ...parts,
        scope: defaultScope,
        store,
        admin: { address: settings.adminAddress, setting: 'SLUICE_ADMIN_ADDRESS', tls: adminTlsOf(settings) },
        dataDirectory,
        datacenter: settings.datacenter,
        signer: configSignerFrom(settings.configSigningKey, 'SLUICE_CONFIG_SIGNING_KEY'),
        environment: process.env,
        sealing,
        adminTokensFile: settings.adminTokens,
        isOnly: settings.store === 'embedded',
        secretRefreshMs: settings.secretRefreshSeconds * 1000,
        ...(settings.adminToken === undefined ? {} : { adminToken: settings.adminToken }),
        ...(settings.controlToken === undefined ? {} : { controlToken: settings.controlToken }),
      })
      return { service: control, close: () => store.close() }
    },
  })
}
