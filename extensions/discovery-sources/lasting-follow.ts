/**
 * What sources that ask over a network have in common: ask, tell, and when that breaks ask again, after 250 ms at first and
 * after up to 10 s later on. What was told last stands meanwhile.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Following, SourceEndpoint, SourceStatus } from './discovery-source.ts'

const firstDelayMs = 250
const maxDelayMs = 10_000
/** An upstream with more is taken for a mistake. */
const maxEndpoints = 10_000

export interface Session {
  /** Aborts when nobody follows any more. */
  readonly signal: AbortSignal
  /** Takes the whole list as it is now, in any order; of two endpoints with one id the first counts. */
  tell(endpoints: readonly SourceEndpoint[]): void
  /** The other side has answered, and what was told stands. */
  answered(): void
}

/** Runs `session` for ever: one that ends or throws is begun anew. `onStop` frees what the sessions used. */
export function followLasting(status: SourceStatus, onEndpoints: (endpoints: readonly SourceEndpoint[]) => void, session: (session: Session) => Promise<void>, onStop: () => void = () => {}): Following {
  const abort = new AbortController()
  const { signal } = abort
  let told: readonly SourceEndpoint[] | undefined
  let failures = 0
  const answered = () => {
    failures = 0
    if (!signal.aborted) status.answered()
  }
  const tell = (endpoints: readonly SourceEndpoint[]) => {
    if (signal.aborted) return
    const list = inOrder(endpoints)
    answered()
    if (isDeepStrictEqual(list, told)) return
    told = list
    onEndpoints(list)
  }
  const run = async () => {
    while (!signal.aborted) {
      await session({ signal, tell, answered }).catch((error: unknown) => {
        failures++
        if (!signal.aborted) status.failed(error)
      })
      await pause(retryDelayMs(failures), signal)
    }
  }
  void run()
  return {
    stop() {
      abort.abort()
      onStop()
    },
  }
}

/** Resolves after `ms`, or at once when `signal` aborts; holds no process. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms).unref()
    signal.addEventListener('abort', end)
  })
}

function retryDelayMs(failures: number): number {
  return Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)
}

function inOrder(endpoints: readonly SourceEndpoint[]): SourceEndpoint[] {
  const byId = new Map<string, SourceEndpoint>()
  for (const endpoint of endpoints) if (!byId.has(endpoint.id)) byId.set(endpoint.id, endpoint)
  if (byId.size > maxEndpoints) throw new Error(`there are ${byId.size} endpoints, and room for ${maxEndpoints}`)
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}
