import type { LimitRule } from '@sluice/counters/counter'
import { SluiceError } from '@sluice/errors'
import type { LimitKey } from '@sluice/proto/messages/ratelimit'

const maxKeyLength = 1024

/**
 * The key of a request that names one in `scope`, as counters take it. Throws `client.bad_request` when it is missing,
 * of another scope, or makes no rule, and `config.not_built` for an algorithm that is not built.
 */
export function readLimitKey(key: LimitKey | undefined, scope: string): { key: string; rule: LimitRule } {
  if (key === undefined || key.key === '' || key.key.length > maxKeyLength) throw bad(`a key of 1 to ${maxKeyLength} characters is needed`)
  if (key.scope !== scope) throw bad(`the scope is not ${scope}`)
  if (key.algorithm !== 'token-bucket') throw new SluiceError('config.not_built', { detail: `the algorithm ${JSON.stringify(key.algorithm)} is not built yet; there is token-bucket` })
  const { limit, windowMs, burst } = key
  if (![limit, windowMs, burst].every((value) => Number.isFinite(value) && value > 0)) throw bad('limit, window and burst are numbers above 0')
  return { key: key.key, rule: { algorithm: 'token-bucket', limit, windowMs, burst } }
}

function bad(detail: string): SluiceError {
  return new SluiceError('client.bad_request', { detail })
}
