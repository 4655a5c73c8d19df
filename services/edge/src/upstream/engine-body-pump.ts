import type { Writable } from 'node:stream'
import { passableTrailers } from '@sluice/http'
import type { AttemptRequest } from './upstream-client.ts'

type Body = NonNullable<AttemptRequest['body']>

export interface BodyPumpParts {
  /** Or a stream of HTTP/2. */
  readonly socket: Writable
  readonly body: Body
  readonly isChunked: boolean
  /** Something was written, or could not be. */
  readonly onProgress: () => void
  readonly onFailed: (error: Error) => void
}

/** Carries a request's body to an upstream's socket, as fast as both of them go. */
export class BodyPump {
  isDone = false
  /** The upstream does not take what was written. */
  isBlocked = false
  private readonly parts: BodyPumpParts

  constructor(parts: BodyPumpParts) {
    this.parts = parts
    const { socket, body } = parts
    socket.on('drain', this.onDrain)
    body.on('error', this.onError)
    body.on('end', this.onEnd)
    body.on('data', this.onData)
  }

  /** Nobody wants the rest of it. */
  stop(): void {
    const { socket, body } = this.parts
    socket.off('drain', this.onDrain)
    body.off('data', this.onData)
    body.off('end', this.onEnd)
    body.off('error', this.onError)
    if (!this.isDone) body.pause()
  }

  private readonly onData = (piece: Buffer): void => {
    const { socket, body, isChunked } = this.parts
    if (isChunked) {
      socket.cork()
      socket.write(`${piece.length.toString(16)}\r\n`, 'latin1')
    }
    let roomy = socket.write(piece)
    if (isChunked) {
      roomy = socket.write('\r\n', 'latin1')
      socket.uncork()
    }
    if (!roomy) {
      this.isBlocked = true
      body.pause()
    }
    this.parts.onProgress()
  }

  private readonly onDrain = (): void => {
    if (!this.isBlocked) return
    this.isBlocked = false
    this.parts.body.resume()
    this.parts.onProgress()
  }

  private readonly onEnd = (): void => {
    this.isDone = true
    this.stop()
    if (this.parts.isChunked) this.parts.socket.write(`0\r\n${this.trailerText()}\r\n`, 'latin1')
    this.parts.onProgress()
  }

  private readonly onError = (error: Error): void => this.parts.onFailed(error)

  private trailerText(): string {
    const { trailers } = this.parts.body
    if (trailers === undefined || trailers.length === 0) return ''
    const kept = passableTrailers(trailers)
    let text = ''
    for (let index = 0; index < kept.length; index += 2) text += `${kept[index]!}: ${kept[index + 1]!}\r\n`
    return text
  }
}
