/** The endpoint that the client's address has in the upstream's Maglev table; of an IPv6 address the network, `/64`. */
import type { Balancer } from '../balancer.ts'
import { findCandidates, noCandidates } from '../eligible.ts'
import { placeOfHash } from '../hash-text.ts'
import { hashAddress } from './hash-address.ts'
import { MaglevTables } from '../maglev.ts'

export function createBalancer(): Balancer {
  const candidates = noCandidates()
  const tables = new MaglevTables()
  return {
    needsKey: 'address',
    pick(state, nowMs, excluded, key = '') {
      const hash = hashAddress(key)
      return findCandidates(candidates, state, nowMs, excluded, placeOfHash(hash)) ? tables.find(hash, state, candidates, nowMs, excluded) : undefined
    },
  }
}
