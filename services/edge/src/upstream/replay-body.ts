/**
 * A request's body that may be sent twice: what has passed is kept, up to a limit, and the next attempt gets it again before
 * the rest. Only one attempt reads at a time. Beyond the limit nothing is kept any more, and there is no second attempt.
 */
import { Readable } from 'node:stream'
import type { AttemptRequest } from './upstream-client.ts'

type Body = NonNullable<AttemptRequest['body']>

export class ReplayBody {
  private readonly source: Body
  private readonly limit: number
  private pieces: Buffer[] = []
  private bytes = 0
  private hasEnded = false
  private problem: Error | undefined
  private reader: Reader | undefined

  /** `limit`: bytes that are kept. The source belongs to this from now on. */
  constructor(source: Body, limit: number) {
    this.source = source
    this.limit = limit
  }

  /** Whether everything that was read can be sent again. */
  get isWhole(): boolean {
    return this.bytes <= this.limit && this.problem === undefined
  }

  /** The body from its beginning, for the next attempt; the one before gets no more of it. */
  open(): Body {
    if (this.reader === undefined) this.listen()
    this.source.pause()
    this.reader = new Reader(this.source, (reader) => this.serve(reader))
    for (const piece of this.pieces) this.reader.push(piece)
    if (this.hasEnded) this.reader.push(null)
    if (this.problem !== undefined) this.reader.destroy(this.problem)
    return this.reader
  }

  private listen(): void {
    this.source.on('data', (piece: Buffer) => this.take(piece))
    this.source.on('end', () => {
      this.hasEnded = true
      this.reader?.push(null)
    })
    this.source.on('error', (error) => {
      this.problem = error
      this.reader?.destroy(error)
    })
  }

  private take(piece: Buffer): void {
    this.bytes += piece.length
    if (this.bytes <= this.limit) this.pieces.push(piece)
    else this.pieces = []
    if (this.reader?.destroyed === false && !this.reader.push(piece)) this.source.pause()
  }

  private serve(reader: Reader): void {
    if (reader === this.reader && !this.hasEnded) this.source.resume()
  }
}

class Reader extends Readable {
  private readonly source: Body
  private readonly onWanted: (reader: Reader) => void

  constructor(source: Body, onWanted: (reader: Reader) => void) {
    super({ highWaterMark: 64 * 1024 })
    this.source = source
    this.onWanted = onWanted
    // Whoever reads it is told; without a reader there is nobody to tell.
    this.on('error', () => undefined)
  }

  /** Those of the source, once it has ended. */
  get trailers(): readonly string[] {
    return this.source.trailers ?? []
  }

  override _read(): void {
    this.onWanted(this)
  }
}
