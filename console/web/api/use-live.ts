/** An address of the admin API, asked again and again while somebody looks. */
import { useSession } from '../console-context.ts'
import { useCallback, useEffect, useRef, useState } from '../markup.ts'
import { AdminError } from './admin-client.ts'

export interface Live<T> {
  /** The newest answer; it stays while later ones fail. */
  readonly data: T | undefined
  /** Why the last one failed. */
  readonly failure: AdminError | undefined
  /** Asks now. */
  refresh(): void
}

interface Known<T> {
  readonly path: string
  readonly data?: T
  readonly failure?: AdminError
}

const usualMs = 3000

/** `everyMs` 0: once. A page that is hidden asks nothing. */
export function useLive<T>(path: string, everyMs = usualMs): Live<T> {
  const { client } = useSession()
  const [known, setKnown] = useState<Known<T>>({ path })
  const [turn, setTurn] = useState(0)
  const refresh = useCallback(() => setTurn((count) => count + 1), [])
  const shown = known.path === path ? known : { path }
  useEffect(() => {
    const leave = new AbortController()
    const ask = async () => {
      try {
        const data = await client.ask<T>('GET', path, { signal: leave.signal })
        setKnown({ path, data })
      } catch (error) {
        if (leave.signal.aborted) return
        const failure = failureOf(error)
        setKnown((before) => (before.path === path ? { ...before, failure } : { path, failure }))
      }
    }
    const stop = repeat(ask, everyMs)
    return () => {
      stop()
      leave.abort()
    }
  }, [client, path, everyMs, turn])
  return { data: shown.data, failure: shown.failure, refresh }
}

/** The error as what is shown; a fault of the console itself is told, too. */
export function failureOf(error: unknown): AdminError {
  return error instanceof AdminError ? error : new AdminError(`The console is at fault: ${String(error)}`, { status: 0, reason: '' })
}

/** Runs `ask` now and `everyMs` after each end, but not while the page is hidden; returns what ends that. */
function repeat(ask: () => Promise<void>, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOver = false
  let isAsking = false
  const run = async () => {
    isAsking = true
    await ask()
    isAsking = false
    if (!isOver && everyMs > 0 && !document.hidden) timer = setTimeout(() => void run(), everyMs)
  }
  const onVisibility = () => {
    clearTimeout(timer)
    if (!document.hidden && !isAsking && everyMs > 0) void run()
  }
  document.addEventListener('visibilitychange', onVisibility)
  void run()
  return () => {
    isOver = true
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', onVisibility)
  }
}

/** What a user has begun: whether it runs, and why it failed. */
export function useAction(): { isRunning: boolean; failure: AdminError | undefined; run(action: () => Promise<void>): Promise<void> } {
  const [state, setState] = useState<{ isRunning: boolean; failure: AdminError | undefined }>({ isRunning: false, failure: undefined })
  const isRunning = useRef(false)
  const run = async (action: () => Promise<void>) => {
    // Two clicks are one deed.
    if (isRunning.current) return
    isRunning.current = true
    setState({ isRunning: true, failure: undefined })
    let failure: AdminError | undefined
    try {
      await action()
    } catch (error) {
      failure = failureOf(error)
    }
    isRunning.current = false
    setState({ isRunning: false, failure })
  }
  return { ...state, run }
}
