import { type LimitRule, maxLogged } from '@sluice/counters/counter'
import { SluiceError } from '@sluice/errors'
import type { LimitKey } from '@sluice/proto/messages/ratelimit'

const maxKeyLength = 1024

/**
 * The key of a request that names one in `scope`, as counters take it. Throws `client.bad_request` when it is missing,
 * of another scope, or makes no rule.
 */
export function readLimitKey(key: LimitKey | undefined, scope: string): { key: string; rule: LimitRule } {
  if (key === undefined || key.key === '' || key.key.length > maxKeyLength) throw bad(`a key of 1 to ${maxKeyLength} characters is needed`)
  if (key.scope !== scope) throw bad(`the scope is not ${scope}`)
  const { limit, windowMs } = key
  if (!isPositive(limit) || !isPositive(windowMs)) throw bad('limit and window are numbers above 0')
  return { key: key.key, rule: readRule(key, { limit, windowMs }) }
}

function readRule({ algorithm, burst, originMs }: LimitKey, rate: { limit: number; windowMs: number }): LimitRule {
  switch (algorithm) {
    case 'token-bucket':
    case 'leaky-bucket':
      if (!isPositive(burst)) throw bad('burst is a number above 0')
      // How long requests may wait says nothing about what is left.
      return algorithm === 'token-bucket' ? { algorithm, ...rate, burst } : { algorithm, ...rate, burst, maxWaitMs: 0 }
    case 'fixed-window':
    case 'sliding-window':
      if (!Number.isFinite(originMs)) throw bad('an origin is an instant in milliseconds')
      return { algorithm, ...rate, originMs }
    case 'sliding-window-log':
      if (rate.limit > maxLogged) throw bad(`the limit of a sliding-window-log is ${maxLogged} at most`)
      return { algorithm, ...rate }
    default:
      throw bad(`there is no algorithm ${JSON.stringify(algorithm)}`)
  }
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0
}

function bad(detail: string): SluiceError {
  return new SluiceError('client.bad_request', { detail })
}
