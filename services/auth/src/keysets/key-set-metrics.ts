import { oncePerMinute } from '@sluice/service-kit'
import type { AuthParts } from '../parts.ts'
import type { KeySetRecord } from './key-set.ts'

/** What key sets tell when they fetch: counted, logged, and handed to `tell` each time it worked. */
export function countKeySets({ logger, metrics }: Pick<AuthParts, 'logger' | 'metrics'>, size: () => number, tell: (record: KeySetRecord) => void) {
  const fetches = metrics.counter('sluice_auth_key_set_fetches_total', 'Fetches of key sets, by outcome: changed, unchanged, failed.', ['outcome'])
  const held = metrics.gauge('sluice_auth_key_sets', 'Key sets that are kept up to date.').with()
  metrics.onCollect(() => held.set(size()))
  const reasons = new Map<string, string>()
  const warn = oncePerMinute((uri, times) => logger.warn({ uri, times, reason: reasons.get(uri) }, 'a key set could not be fetched'))
  return {
    onFetched(record: KeySetRecord, isChanged: boolean) {
      reasons.delete(record.uri)
      fetches.with(isChanged ? 'changed' : 'unchanged').add(1)
      if (isChanged) logger.info({ uri: record.uri, digest: record.digest }, 'a key set was fetched')
      // Unchanged ones too: other instances need not fetch what was fetched a moment ago.
      tell(record)
    },
    onFailed(uri: string, reason: string) {
      if (reasons.size < 1000) reasons.set(uri, reason)
      fetches.with('failed').add(1)
      warn(uri)
    },
  }
}
