/**
 * The body of a request on a stream of HTTP/2, or what a WebSocket's client sends: what has come and nobody has taken waits here, and the client
 * is told of room only as it is taken.
 */
import type { EngineBody } from './engine-body.ts'
import type { TunnelEnd } from './http2/tunnel-end.ts'

export interface BodyOwner {
  /** For the client to go on; Infinity: it may be silent. */
  readonly bodyMs: number
  /** So much was taken, or thrown away. */
  onBodyTaken(bytes: number): void
  /** The body is wanted, and nothing of it has come: the client may be waiting to hear that. */
  onBodyWanted(): void
}

export class Http2RequestBody {
  /** All of it has come. */
  isComplete = false
  /** When the client is too late with it; Infinity: nobody waits for it. */
  deadlineAt = Infinity
  private readonly owner: BodyOwner
  /** -1: nobody knows. */
  private readonly declaredBytes: number
  private received = 0
  private kept: Buffer[] | undefined
  private trailers: readonly string[] = []
  private reader: EngineBody | TunnelEnd | undefined
  /** Nobody wants any more of it. */
  private isDropped = false

  constructor(owner: BodyOwner, declaredBytes: number) {
    this.owner = owner
    this.declaredBytes = declaredBytes
  }

  /** Whether something waits here. */
  get isKept(): boolean {
    return this.kept !== undefined
  }

  /** From here on it is handed to `reader`, as far as that wants it. */
  readBy(reader: EngineBody | TunnelEnd): void {
    this.reader = reader
    this.handOn()
  }

  /** Takes a piece; false: it is longer than was said. */
  take(bytes: Buffer, from: number, to: number): boolean {
    this.received += to - from
    if (this.declaredBytes >= 0 && this.received > this.declaredBytes) return false
    if (this.isDropped) {
      this.owner.onBodyTaken(to - from)
      return true
    }
    const piece = Buffer.from(bytes.subarray(from, to))
    if (this.kept === undefined) this.kept = [piece]
    else this.kept.push(piece)
    this.handOn()
    return true
  }

  /** It has come to its end; false: it is shorter than was said. */
  complete(trailers: readonly string[]): boolean {
    if (this.declaredBytes >= 0 && this.received !== this.declaredBytes) return false
    this.isComplete = true
    this.trailers = trailers
    this.deadlineAt = Infinity
    this.handOn()
    return true
  }

  /** The reader wants more. */
  readonly onWanted = (): void => {
    if (this.received === 0 && !this.isComplete) this.owner.onBodyWanted()
    this.handOn()
  }

  /** The reader gets no more; what comes is thrown away. */
  drop(): void {
    this.isDropped = true
    this.deadlineAt = Infinity
    let bytes = 0
    for (const piece of this.kept ?? []) bytes += piece.length
    this.kept = undefined
    if (bytes > 0) this.owner.onBodyTaken(bytes)
  }

  private handOn(): void {
    const { reader } = this
    if (reader === undefined) return
    while (this.kept !== undefined && reader.isWanting) {
      const piece = this.kept.shift()!
      if (this.kept.length === 0) this.kept = undefined
      reader.accept(piece)
      this.owner.onBodyTaken(piece.length)
    }
    if (this.kept !== undefined) this.deadlineAt = Infinity
    else if (this.isComplete) reader.finish(this.trailers)
    // Only a client that is waited for can be late.
    else this.deadlineAt = reader.isWanting && !this.isDropped && this.owner.bodyMs !== Infinity ? performance.now() + this.owner.bodyMs : Infinity
  }
}
