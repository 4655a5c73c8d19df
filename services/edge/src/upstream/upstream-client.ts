import type { Duplex, Readable } from 'node:stream'
import type { ErrorCode } from '@sluice/errors'

/** One request to one endpoint. */
export interface AttemptRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Flat `[name, value, …]`; with Host, without hop-by-hop fields. */
  readonly fields: string[]
  /** With the trailer fields that came behind it, once it has ended. */
  readonly body: (Readable & { readonly trailers?: readonly string[] }) | null
  /** What is to be spoken from here on, should the endpoint agree; undefined for nearly all. */
  readonly upgrade: 'websocket' | undefined
  /** Whether trailer fields are wanted behind the response. */
  readonly acceptsTrailers: boolean
  readonly firstByteMs: number
  readonly idleMs: number
}

/**
 * Calls come in this order: head, data …, then end or failure; a failure may come at any time. None but a failure
 * comes while the attempt is paused.
 */
export interface AttemptHandler {
  /** Flat `[name, value, …]` as the endpoint sent them. `isWhole`: neither a body nor trailers will come. */
  onHead(status: number, fields: string[], isWhole?: boolean): void
  /**
   * Instead of head, data and end: the endpoint agreed to `upgrade`. `end` is its side from here on, paused; what it has
   * sent already comes first. Nothing more is told of this attempt.
   */
  onUpgrade(fields: string[], end: Duplex): void
  /** True: the chunk is done with and its memory may be used again. */
  onData(chunk: Uint8Array): boolean | void
  /** Instead of the only `onData`: the whole body, as latin-1 text. False: it is wanted as bytes. */
  onWholeBody?(text: string): boolean
  /** `trailers`: flat, as the endpoint sent them; undefined when there were none. */
  onEnd(trailers?: readonly string[]): void
  /** `sent`: bytes of the request may have left. */
  onFailure(code: ErrorCode, sent: boolean, cause: unknown): void
}

/** A running attempt. */
export interface Attempt {
  pause(): void
  resume(): void
  /** Ends it; the handler hears nothing more. */
  abort(): void
}

/** The connections to one endpoint. */
export interface EndpointPool {
  send(request: AttemptRequest, handler: AttemptHandler): Attempt
  /** Lets running attempts finish, then closes. */
  close(): Promise<void>
  destroy(): void
}
