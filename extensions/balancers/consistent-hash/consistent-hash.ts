/** The endpoint that the key has in the upstream's Maglev table (`maglev.ts`). */
import type { Balancer } from '../balancer.ts'
import { findCandidates, noCandidates } from '../eligible.ts'
import { hashText, placeOfHash } from '../hash-text.ts'
import { MaglevTables } from '../maglev.ts'

export function createBalancer(): Balancer {
  const candidates = noCandidates()
  const tables = new MaglevTables()
  return {
    needsKey: 'hash-on',
    pick(state, nowMs, excluded, key = '') {
      const hash = hashText(key)
      return findCandidates(candidates, state, nowMs, excluded, placeOfHash(hash)) ? tables.find(hash, state, candidates, nowMs, excluded) : undefined
    },
  }
}
