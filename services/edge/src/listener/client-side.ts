import type { Duplex, Readable } from 'node:stream'
import type { ClientCertificate } from '@sluice/policies/exchange'
import type { ErrorCode } from '@sluice/errors'

/**
 * The client's side of one exchange, whatever transport carries it. The pipeline and the policies know only this,
 * so that the transport can be replaced under them.
 */
export interface ClientSide {
  readonly method: string
  /** As the client sent it. */
  readonly target: string
  /** Flat `[name, value, …]` as the client sent them. */
  readonly fields: string[]
  /** `1.1`, `1.0` */
  readonly httpVersion: string
  readonly peerAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  /** What the client has shown in its handshake; the same object for a whole connection. */
  readonly clientCertificate?: ClientCertificate | undefined
  /** What the client wants to speak from here on, should the upstream agree; undefined for nearly all. */
  readonly upgrade: Upgrade | undefined
  /** Whether it is a gRPC call: errors are told in gRPC's way, and it lasts as long as its client says. */
  readonly isGrpc: boolean
  /** Whether trailer fields behind the response reach the client (`TE: trailers`). */
  readonly acceptsTrailers: boolean
  /** 0 without a body, undefined when its length is not known ahead. */
  readonly declaredBytes: number | undefined
  /** Whether the client's connection is gone. */
  readonly isGone: boolean
  /** Whether all that was sent has left the process, so that its memory may be used again; unknown when undefined. */
  readonly isFlushed?: boolean
  /** Who is told when the client leaves or can take more; set once by the pipeline. */
  watcher: ClientWatcher | undefined
  /**
   * The request's body. `onChunk` sees the number of bytes so far before each chunk passes; when it answers false
   * the body ends there with an error. Taken at most once.
   */
  body(onChunk: (bytesSoFar: number, piece: Uint8Array) => boolean): Readable
  /** Sends the head; `flush`: at once, else together with the first piece of the body. The framing follows from `content-length` in `fields`, else chunked. */
  sendHead(status: number, fields: string[], flush: boolean): void
  /** False: the client is slower than the upstream; wait for `onClientDrain`. */
  send(chunk: Uint8Array): boolean
  /** Ends with a whole body of so many bytes as the head has told, as latin-1 text; left out where bytes are as cheap. */
  endText?(body: string): void
  /** `trailers`: flat; sent where the client takes them and the framing has a place for them. */
  end(chunk?: Uint8Array | string, trailers?: readonly string[]): void
  /**
   * Sends the head of the answer that agrees to `upgrade`, and hands over what the client's side is from then on, paused;
   * what it has sent already comes first. The exchange hears nothing more from this side.
   */
  switchProtocols(fields: string[]): Duplex
  /** Ends the connection after the response. */
  closeAfterwards(): void
  /** Cuts the connection, for a response that cannot be completed. */
  destroy(): void
}

/** Protocols that may follow a request. */
export type Upgrade = 'websocket'

export interface ClientWatcher {
  /** The connection is gone before the response was complete. */
  onClientGone(): void
  onClientDrain(): void
  /** The request's body turned out malformed, or stays away; the connection ends after the answer. */
  onBadBody(code: ErrorCode): void
}
