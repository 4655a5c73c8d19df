import type { Surroundings } from './surroundings.ts'

/** What ends a command: one line, the single problems if there are several, and the catalogue's code if it has one. */
export class Failure extends Error {
  readonly problems: readonly string[]
  readonly reason: string | undefined

  constructor(message: string, options: { problems?: readonly string[]; reason?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'Failure'
    this.problems = options.problems ?? []
    this.reason = options.reason
  }
}

/** Says on stderr why a command ended: text for people, one JSON object with `json`. */
export function reportFailure(error: unknown, json: boolean, surroundings: Surroundings): void {
  const failure = error instanceof Failure ? error : new Failure(messageOf(error))
  if (json) {
    const { message, reason, problems } = failure
    surroundings.err(`${JSON.stringify({ error: { message, reason: reason ?? null, problems } })}\n`)
    return
  }
  surroundings.err(`${[`sluice: ${failure.message}`, ...failure.problems].join('\n')}\n`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
