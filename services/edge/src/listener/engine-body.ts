import { Readable } from 'node:stream'

/** A request's body from the engine's connection, as the upstream side reads it. */
export class EngineBody extends Readable {
  private readonly admit: (bytesSoFar: number) => boolean
  private readonly resumeInput: () => void
  private readonly pauseInput: () => void
  private bytes = 0
  private ended = false

  constructor(admit: (bytesSoFar: number) => boolean, resumeInput: () => void, pauseInput: () => void) {
    super({ highWaterMark: 64 * 1024 })
    this.admit = admit
    this.resumeInput = resumeInput
    this.pauseInput = pauseInput
    // Whoever reads it is told; without a reader there is nobody to tell.
    this.on('error', () => undefined)
  }

  override _read(): void {
    if (!this.ended) this.resumeInput()
  }

  accept(piece: Buffer): void {
    if (this.destroyed || this.ended) return
    this.bytes += piece.length
    if (!this.admit(this.bytes)) {
      this.destroy(new Error('the body was refused on its way'))
      return
    }
    if (!this.push(piece)) this.pauseInput()
  }

  finish(): void {
    if (this.ended || this.destroyed) return
    this.ended = true
    this.push(null)
  }

  fail(error: Error): void {
    if (!this.ended) this.destroy(error)
  }
}
