import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  /** How long to go on asking [5000]. */
  timeoutMs?: number
  /** Pause between two questions [10]. */
  everyMs?: number
  /** What is being waited for, as it should read after "waited … ms for". */
  what?: string
}

/**
 * The first truthy answer of `predicate`, asked again and again. An answer that throws counts as "not yet";
 * the last such error is the `cause` of the one thrown on timeout.
 */
export async function waitUntil<T>(predicate: () => T | Promise<T>, options: WaitOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 5000, everyMs = 10, what = 'a condition' } = options
  const deadline = performance.now() + timeoutMs
  let lastError: unknown
  for (;;) {
    try {
      const answer = await predicate()
      if (answer) return answer
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: lastError })
    await sleep(everyMs)
  }
}
