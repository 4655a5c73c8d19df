import { claimOf } from './consumer-changes.ts'
import type { StoredConsumer, StoredCredential } from './credential-store.ts'

/**
 * The consumer with its credential of that kind that claims `claimed`. Undefined when the consumer has none: what is
 * in its document decides, however it was found.
 */
export function credentialOf<K extends StoredCredential['kind']>(
  consumer: StoredConsumer | undefined,
  kind: K,
  claimed: string,
): { consumer: StoredConsumer; credential: StoredCredential & { kind: K } } | undefined {
  const credential = consumer?.credentials.find((candidate): candidate is StoredCredential & { kind: K } => candidate.kind === kind && claimOf(candidate).id === claimed)
  return consumer && credential && { consumer, credential }
}
