/** Whether what is kept answers a request as it stands: as its origin and this client want it (RFC 9111 §4.2, §5.2.1; RFC 5861 §3). */
import type { StoredResponse } from '@sluice/cache-stores/cache-store'
import type { CacheControl } from '@sluice/http'
import { ageSeconds } from './stored-answer.ts'

function isFresh(stored: StoredResponse, { noCache = false, maxAge = Infinity, minFresh = 0 }: Partial<CacheControl>, now: number): boolean {
  return !noCache && stored.freshUntilMs - minFresh * 1000 > now && ageSeconds(stored, now) <= maxAge
}

/** While it is asked for anew, or since the client takes what is stale. */
function isUsableStale(stored: StoredResponse, { noCache = false, maxAge = Infinity, minFresh = 0, maxStale }: Partial<CacheControl>, now: number): boolean {
  if (stored.mustRevalidate || stored.freshUntilMs > now) return false
  if (noCache || minFresh > 0 || ageSeconds(stored, now) > maxAge) return false
  const staleMs = now - stored.freshUntilMs
  return staleMs < stored.staleWhileRevalidateMs || (maxStale !== undefined && staleMs <= maxStale * 1000)
}

/** As what it answers; undefined: somebody has to be asked first. */
export function usableAs(stored: StoredResponse, control: Partial<CacheControl>, now: number): 'HIT' | 'STALE' | undefined {
  if (isFresh(stored, control, now)) return 'HIT'
  return isUsableStale(stored, control, now) ? 'STALE' : undefined
}
