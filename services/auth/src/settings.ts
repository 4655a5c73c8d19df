import { distributedSettings, SettingsError, storeSettings, variableName } from '@sluice/service-kit'
import type { z } from 'zod'

/** Everything an auth process reads from its environment. */
export const authSettings = distributedSettings(9101).extend({
  ...storeSettings,
  store: storeSettings.store.refine((store) => store !== 'postgres', 'postgres is not built yet; expected embedded or cassandra'),
})

export type AuthSettings = z.output<typeof authSettings>

/** What the store of the settings is opened with. Throws a `SettingsError` for what its kind cannot do without. */
export function storeSettingsOf(settings: AuthSettings, dataDirectory: string): object {
  if (settings.store === 'embedded') return { directory: dataDirectory }
  const missing = (['cassandraContactPoints', 'cassandraDatacenter'] as const).filter((name) => settings[name] === undefined)
  if (missing.length > 0) throw new SettingsError(missing.map((name) => `${variableName(name)}: needed for SLUICE_STORE=cassandra`))
  const given = {
    contactPoints: settings.cassandraContactPoints,
    localDatacenter: settings.cassandraDatacenter,
    keyspace: settings.cassandraKeyspace,
    user: settings.cassandraUser,
    password: settings.cassandraPassword,
    ca: settings.cassandraCa,
    replication: settings.cassandraReplication,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
