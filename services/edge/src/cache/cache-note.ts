/** What is told of a request's way through the cache: `X-Cache-Status`, the parameters of `Cache-Status` (RFC 9211), the access record. */
export type CacheStatus = 'HIT' | 'MISS' | 'BYPASS' | 'EXPIRED' | 'STALE' | 'REVALIDATED'

export interface CacheNote {
  status: CacheStatus
  detail: string
}
