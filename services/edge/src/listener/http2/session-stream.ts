/** Whom a session of HTTP/2 tells what its frames mean. */
import type { Http2Flood } from './flood-watch.ts'
import type { ReceivingStream } from './receive-windows.ts'
import type { Http2Request } from './request-fields.ts'
import type { SendingStream } from './send-windows.ts'

/** A request and its response, as the session knows them. */
export interface SessionStream extends ReceivingStream, SendingStream {
  /** Whether its client has ended it. */
  readonly isHalfClosed: boolean
  /** Whether the response's head has gone. */
  readonly isAnswered: boolean
  /** Takes a piece of the body; false: it is longer than was said. */
  onBody(bytes: Buffer, from: number, to: number): boolean
  /** The body is complete; false: it is not as long as was said. */
  onBodyEnd(trailers: readonly string[]): boolean
  /** It is over before both sides were through. */
  onBroken(): void
  checkDeadline(now: number): void
}

export interface SessionOwner {
  /** Takes a request, and opens a stream for it. `isWhole`: it has no body. */
  onRequest(id: number, request: Http2Request, isWhole: boolean): void
  /** The client opens no more streams. */
  onGoaway(): void
  /** Whatever left the client before it had read the notice is here. */
  onNoticeRead(): void
  /** The last stream is gone. */
  onIdle(): void
  onFlood(kind: Http2Flood): void
  /** It ends: a GOAWAY that says why is on its way. */
  onBroken(): void
}
