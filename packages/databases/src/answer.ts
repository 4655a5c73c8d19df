import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '@sluice/errors'

/** No call of a store that is elsewhere takes longer. */
export const CALL_TIMEOUT_MS = 5000

/** The answer of `work`, or `dependency.store_unreachable` when it fails or takes longer than a call may. */
export async function answer<T>(work: () => Promise<T>): Promise<T> {
  const giveUp = new AbortController()
  const tooLate = sleep(CALL_TIMEOUT_MS, undefined, { signal: giveUp.signal }).then(() => Promise.reject(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)))
  tooLate.catch(() => {})
  try {
    return await Promise.race([work(), tooLate])
  } catch (error) {
    if (error instanceof SluiceError) throw error
    throw new SluiceError('dependency.store_unreachable', { cause: error })
  } finally {
    giveUp.abort()
  }
}
