import { catalogue, type ErrorCode } from './catalogue.ts'

export interface ErrorOptions {
  /** Tells the reader what to do next; never holds a secret, an address or a stack. */
  readonly detail?: string
  readonly cause?: unknown
  /** What a machine needs besides the code, such as the names in a conflict. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** An error with a catalogue code. Thrown only for what stops an exchange or a command; expected outcomes are values. */
export class SluiceError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly extra: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(options.detail ?? catalogue[code].message, { cause: options.cause })
    this.name = 'SluiceError'
    this.code = code
    this.detail = options.detail ?? catalogue[code].message
    this.extra = options.extra ?? {}
  }

  get status(): number {
    return catalogue[this.code].status
  }
}

/** The code of a thrown value, `internal.unexpected` when it has none of ours. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof SluiceError ? error.code : 'internal.unexpected'
}
