import type { BusCounts, BusHooks, BusMessage, MessageHandler } from './bus.ts'

/** Runs handlers so that none of them can end the process, and knows when all that were started have finished. */
export class HandlerRuns {
  readonly #counts: BusCounts
  readonly #onError: BusHooks['onHandlerError']
  #running = 0
  #waiting: (() => void)[] = []

  constructor(counts: BusCounts, hooks: BusHooks) {
    this.#counts = counts
    this.#onError = hooks.onHandlerError
  }

  /** Starts `handler`; returns at once. What it throws, now or later, is counted and told. */
  start(handler: MessageHandler, message: BusMessage): void {
    this.#counts.received++
    try {
      const result = handler(message)
      if (result instanceof Promise) this.#await(result, message.subject)
    } catch (error) {
      this.#failed(message.subject, error)
    }
  }

  /** Resolves when no handler runs, at the latest after `timeoutMs`. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#running === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
      this.#waiting.push(resolve)
    })
    clearTimeout(timer)
  }

  #await(result: Promise<void>, subject: string): void {
    this.#running++
    result
      .catch((error: unknown) => this.#failed(subject, error))
      .finally(() => {
        if (--this.#running > 0) return
        for (const resolve of this.#waiting.splice(0)) resolve()
      })
  }

  #failed(subject: string, error: unknown): void {
    this.#counts.handlerErrors++
    try {
      this.#onError?.(subject, error)
    } catch {
      // A logger that throws must not take the bus with it; the error is counted.
    }
  }
}
