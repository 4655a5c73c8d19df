/** The client's end of a WebSocket on a stream of HTTP/2 (RFC 8441): a stream of Node's, which tunnels join. */
import { Duplex } from 'node:stream'

export interface TunnelEndParts {
  /** More is wanted of what the client sends. */
  readonly onWanted: () => void
  /** False: wait for `onRoom`. */
  readonly push: (chunk: Uint8Array) => boolean
  readonly end: () => void
  /** It is of no use any more; both sides may be through. */
  readonly destroy: () => void
}

export class TunnelEnd extends Duplex {
  isWanting = false
  private readonly parts: TunnelEndParts
  private onTaken: (() => void) | undefined
  private hasFinished = false

  constructor(parts: TunnelEndParts) {
    super({ highWaterMark: 64 * 1024 })
    this.parts = parts
    this.on('error', () => undefined)
  }

  accept(piece: Buffer): void {
    if (!this.push(piece)) this.isWanting = false
  }

  /** The client has ended its side. */
  finish(): void {
    if (this.hasFinished || this.destroyed) return
    this.hasFinished = true
    this.isWanting = false
    this.push(null)
  }

  /** The client takes more. */
  onRoom(): void {
    const { onTaken } = this
    this.onTaken = undefined
    onTaken?.()
  }

  override _read(): void {
    if (this.hasFinished) return
    this.isWanting = true
    this.parts.onWanted()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.parts.push(chunk)) done()
    else this.onTaken = done
  }

  override _final(done: () => void): void {
    this.parts.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.isWanting = false
    this.parts.destroy()
    done(error)
  }
}
