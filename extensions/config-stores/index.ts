import { SluiceError } from '@sluice/errors'
import type { ConfigStore, StoreParts } from './config-store.ts'
import { schema as cassandra } from './cassandra/schema.ts'
import { schema as embedded } from './embedded/schema.ts'
import { schema as postgres } from './postgres/schema.ts'

export type { AuditEntry, Commit, CommitOutcome, ConfigStore, KnownEdge, Revision, RevisionRecord, StoreParts } from './config-store.ts'

interface ConfigStoreDriver {
  readonly name: string
  readonly summary: string
  load(): Promise<{ create(settings: object, parts?: StoreParts): Promise<ConfigStore> }>
}

export const configStores = [
  { ...embedded, load: () => import('./embedded/embedded.ts') },
  { ...postgres, load: () => import('./postgres/postgres.ts') },
  { ...cassandra, load: () => import('./cassandra/cassandra.ts') },
] as const

/**
 * Opens the store of that name; only its driver is loaded. Throws `config.invalid` for a name that is not in the list
 * and for settings that do not fit, `dependency.store_unreachable` when the driver cannot open what is on this machine.
 */
export async function openConfigStore(name: string, settings: object, parts: StoreParts = {}): Promise<ConfigStore> {
  const drivers: readonly ConfigStoreDriver[] = configStores
  const driver = drivers.find((candidate) => candidate.name === name)
  if (driver === undefined) {
    const names = drivers.map((candidate) => candidate.name).join(', ')
    throw new SluiceError('config.invalid', { detail: `there is no config store ${JSON.stringify(name)}; there is ${names}` })
  }
  return (await driver.load()).create(settings, parts)
}
