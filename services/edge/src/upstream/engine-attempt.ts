import { SluiceError, type ErrorCode } from '@sluice/errors'
import { idempotentMethods } from './retry-rule.ts'
import type { Attempt, AttemptHandler, AttemptRequest } from './upstream-client.ts'

/** The connection that an attempt runs on, as the attempt sees it. */
export interface AttemptConnection {
  pause(): void
  resume(): void
  abort(): void
}

/** One attempt, on whichever connection it runs; over once it has no handler any more. */
export class EngineAttempt implements Attempt {
  readonly request: AttemptRequest
  isPaused = false
  connection: AttemptConnection | undefined
  /** Since when it has been waiting for a connection, on the monotonic clock. */
  waitingSince = 0
  /** How often it came back from a connection and went out again. */
  resends = 0
  private readonly onAbandoned: (attempt: EngineAttempt) => void
  private theHandler: AttemptHandler | undefined

  constructor(request: AttemptRequest, handler: AttemptHandler, onAbandoned: (attempt: EngineAttempt) => void) {
    this.request = request
    this.theHandler = handler
    this.onAbandoned = onAbandoned
  }

  get handler(): AttemptHandler | undefined {
    return this.theHandler
  }

  pause(): void {
    if (this.theHandler === undefined || this.isPaused) return
    this.isPaused = true
    this.connection?.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.connection?.resume()
  }

  abort(): void {
    if (this.theHandler === undefined) return
    const { connection } = this
    this.end()
    this.request.body?.destroy()
    if (connection === undefined) this.onAbandoned(this)
    else connection.abort()
  }

  /** From here on the connection has nothing to do with it; answers who is to be told. */
  end(): AttemptHandler | undefined {
    const handler = this.theHandler
    this.theHandler = undefined
    this.connection = undefined
    this.isPaused = false
    return handler
  }

  fail(code: ErrorCode, sent: boolean, cause: unknown): void {
    this.end()?.onFailure(code, sent, cause ?? new SluiceError(code))
  }
}

/** Whether it may go out twice (RFC 9110 §9.2.2, RFC 9112 §9.3.1). */
export function isRepeatable({ request }: EngineAttempt): boolean {
  return request.body === null && idempotentMethods.has(request.method)
}
