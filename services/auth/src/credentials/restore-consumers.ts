import type { CredentialStore, StoredConsumer } from '@sluice/credential-stores/credential-store'
import { SluiceError } from '@sluice/errors'
import { readConsumer, toStored } from './consumer-resource.ts'

export { restoreRevocations } from '../revocations/restore-revocations.ts'

const batch = 500

/** Throws `config.exists` unless the store is empty: what a backup holds is all there is then. */
export async function requireEmptyStore(store: CredentialStore, scope: string): Promise<void> {
  const version = await store.version(scope)
  if (version !== 0) throw new SluiceError('config.exists', { detail: `the credential store has seen ${version} changes already; a backup is restored into an empty one` })
}

/** Puts consumers into an empty store, from their JSON as the configuration has them. Throws `config.*` for what cannot stand together. */
export async function restoreConsumers(store: CredentialStore, scope: string, consumers: Iterable<string>): Promise<number> {
  let count = 0
  let part: StoredConsumer[] = []
  const flush = async () => {
    if (part.length === 0) return
    const written = await store.putConsumers(scope, part, { createOnly: true })
    if (written.outcome !== 'written') throw new SluiceError('config.exists', { detail: written.outcome === 'taken' ? written.detail : `consumers are there already: ${written.names.slice(0, 5).join(', ')}` })
    count += part.length
    part = []
  }
  for (const json of consumers) {
    part.push(toStored(readConsumer(json), undefined, { keepUnnamed: false, nowMs: Date.now() }))
    if (part.length === batch) await flush()
  }
  await flush()
  return count
}
