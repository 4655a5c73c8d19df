import { readFileSync } from 'node:fs'
import { distributedSettings, parseAddress, type Sealing, sealingFrom, sealingIn, SettingsError, storeSettings, wholeNumber } from '@sluice/service-kit'
import { z } from 'zod'

const path = z.string().min(1)

/** Everything a control process reads from its environment. */
export const controlSettings = distributedSettings(9105).extend({
  ...storeSettings,
  adminAddress: z.string().refine(isAddress, 'expected an address such as 127.0.0.1:8001, :8001 or unix:PATH').default('127.0.0.1:8001'),
  adminToken: z.string().optional(),
  adminTokens: path.optional(),
  adminCert: path.optional(),
  adminKey: path.optional(),
  controlToken: z.string().optional(),
  configSigningKey: path.optional(),
  sealingKey: path.optional(),
  datacenter: z.string().default(''),
  secretRefreshSeconds: wholeNumber.refine((seconds) => seconds >= 1, 'expected at least 1').default(60),
})

export type ControlSettings = z.output<typeof controlSettings>

function isAddress(text: string): boolean {
  try {
    parseAddress(text)
    return true
  } catch {
    return false
  }
}

/** What values are sealed with: a key of this control's own will do while no other one works on its store. Throws a `SettingsError`. */
export function controlSealing({ sealingKey, store }: ControlSettings, dataDirectory: string): Sealing | undefined {
  if (sealingKey !== undefined) return sealingFrom(sealingKey, 'SLUICE_SEALING_KEY')
  return store === 'embedded' ? sealingIn(dataDirectory) : undefined
}

/** The admin API's certificate and key (PEM); undefined when neither is set. Throws a `SettingsError`. */
export function adminTlsOf({ adminCert, adminKey }: ControlSettings): { cert: string; key: string } | undefined {
  if (adminCert === undefined && adminKey === undefined) return undefined
  if (adminCert === undefined || adminKey === undefined) throw new SettingsError(['SLUICE_ADMIN_CERT and SLUICE_ADMIN_KEY go together'])
  return { cert: readPem('SLUICE_ADMIN_CERT', adminCert), key: readPem('SLUICE_ADMIN_KEY', adminKey) }
}

function readPem(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new SettingsError([`${setting}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`])
  }
}
