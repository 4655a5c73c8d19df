import type { Counters } from '@sluice/counters/counter'
import type { LimitResetRequest } from '@sluice/proto/messages/ratelimit'
import { readLimitKey } from './limit-key.ts'

/** Makes a key start afresh. Throws as `readLimitKey` does, and `dependency.counters_unreachable`. */
export async function answerReset(counters: Counters, scope: string, request: LimitResetRequest): Promise<{ existed: boolean }> {
  const { key } = readLimitKey(request.key, scope)
  return { existed: await counters.reset(key) }
}
