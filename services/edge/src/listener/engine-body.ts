import { Readable } from 'node:stream'

/**
 * A request's body from the engine's connection, as the upstream side reads it. It takes bytes only while its reader
 * wants them, so that nothing of it is decoded, counted or refused before there is an attempt to refuse.
 */
export class EngineBody extends Readable {
  isWanting = false
  /** Flat `[name, value, …]`; filled when the body has ended. */
  trailers: readonly string[] = []
  private readonly admit: (bytesSoFar: number, piece: Uint8Array) => boolean
  private readonly onWanted: () => void
  private bytes = 0
  private ended = false

  constructor(admit: (bytesSoFar: number, piece: Uint8Array) => boolean, onWanted: () => void) {
    super({ highWaterMark: 64 * 1024 })
    this.admit = admit
    this.onWanted = onWanted
    // Whoever reads it is told; without a reader there is nobody to tell.
    this.on('error', () => undefined)
  }

  override _read(): void {
    if (this.ended) return
    this.isWanting = true
    this.onWanted()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.isWanting = false
    done(error)
  }

  accept(piece: Buffer): void {
    if (this.destroyed || this.ended) return
    this.bytes += piece.length
    if (!this.admit(this.bytes, piece)) this.destroy(new Error('the body was refused on its way'))
    else if (!this.push(piece)) this.isWanting = false
  }

  finish(trailers: readonly string[]): void {
    if (this.ended || this.destroyed) return
    this.ended = true
    this.isWanting = false
    this.trailers = trailers
    this.push(null)
  }

  fail(error: Error): void {
    if (!this.ended) this.destroy(error)
  }
}
