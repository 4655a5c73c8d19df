import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/**
 * A request's body on its way upstream. It stands between so that an upstream client that destroys its source
 * never cuts the client's connection, on which an error still has to be answered.
 */
export class RequestBody extends Readable {
  private readonly source: IncomingMessage
  private readonly admit: (bytesSoFar: number, piece: Uint8Array) => boolean
  private bytes = 0
  private taken = false

  constructor(source: IncomingMessage, admit: (bytesSoFar: number, piece: Uint8Array) => boolean) {
    super({ highWaterMark: 64 * 1024 })
    this.source = source
    this.admit = admit
  }

  override _read(): void {
    if (this.taken) {
      this.source.resume()
      return
    }
    this.taken = true
    this.source.on('data', this.onData)
    this.source.on('end', this.onEnd)
    this.source.on('close', this.onClose)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.source.off('data', this.onData)
    this.source.off('end', this.onEnd)
    this.source.off('close', this.onClose)
    this.source.pause()
    done(error)
  }

  private readonly onData = (chunk: Buffer): void => {
    this.bytes += chunk.length
    if (!this.admit(this.bytes, chunk)) {
      this.destroy(new Error('the body was refused on its way'))
      return
    }
    if (!this.push(chunk)) this.source.pause()
  }

  private readonly onEnd = (): void => {
    this.push(null)
  }

  private readonly onClose = (): void => {
    if (!this.source.complete) this.destroy(new Error('the client left before the body was complete'))
  }
}
