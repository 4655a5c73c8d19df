import type { Counters } from '@sluice/counters/counter'
import type { LimitPeekRequest } from '@sluice/proto/messages/ratelimit'
import { readLimitKey } from './limit-key.ts'

/** What is left for a key; takes nothing. Throws as `readLimitKey` does, and `dependency.counters_unreachable`. */
export async function answerPeek(counters: Counters, scope: string, request: LimitPeekRequest): Promise<{ remaining: number; resetMs: number }> {
  const { key, rule } = readLimitKey(request.key, scope)
  const { remaining, resetMs } = await counters.peek(key, rule)
  return { remaining, resetMs }
}
