/**
 * What goes out on one stream of an HTTP/2 connection: the head as a field block, held back until the first piece of the body, so that both are one
 * text, and pieces as far as the client's windows and the socket take them. The rest waits here, and whoever sends is told to wait.
 */
import { dataHead, headersFrames, maxFrameBytes } from './http2/frames.ts'
import type { Http2Session } from './http2/session.ts'
import type { SendingStream } from './http2/send-windows.ts'

/** What sending needs of the connection. */
export interface SendingHost {
  readonly session: Http2Session
  /** How long a client may stay away with taking what was sent. */
  readonly limits: { readonly sendMs: number }
  /** Whether the socket has more than it can send. */
  readonly isBehind: boolean
  /** Frames as text. */
  send(frames: string): void
  sendContent(head: string, content: Uint8Array): void
}

/** Up to here copying is cheaper than a write of its own. */
const smallPiece = 4096

/** A base class, not a part: a stream is one object, and there is one for every request. */
export abstract class Http2SendingHalf<Host extends SendingHost> implements SendingStream {
  readonly id: number
  sendWindow: number
  protected readonly host: Host
  protected sendDeadlineAt = Infinity
  /** The head, until it is sent. */
  protected head = ''
  protected headSent = false
  /** What the client does not take yet; and whether that is the end, with which trailers. */
  protected unsent: Uint8Array[] | undefined
  protected isEnding = false
  protected lastBlock = ''
  protected endSent = false
  /** The stream is gone: nothing is sent any more. */
  protected isOver = false

  constructor(host: Host, id: number) {
    this.host = host
    this.id = id
    this.sendWindow = host.session.settings.streamWindow
  }

  abstract onRoom(): void
  /** All has been handed to the connection. */
  protected abstract onAllSent(): void

  protected writeHead(endStream: boolean): void {
    const { head } = this
    if (head === '') return
    this.head = ''
    this.headSent = true
    this.sendBlock(head, endStream)
  }

  protected sendBlock(block: string, endStream: boolean): void {
    if (endStream) this.endSent = true
    this.host.send(headersFrames(this.id, this.host.session.settings.takeTableUpdate() + block, endStream))
  }

  /** Whether `length` bytes can go out at once, as one frame. */
  protected hasRoomFor(length: number): boolean {
    const { session, isBehind } = this.host
    return length <= maxFrameBytes && this.unsent === undefined && !isBehind && length <= this.sendWindow && length <= session.sending.connection
  }

  protected push(chunk: Uint8Array): void {
    if (this.unsent === undefined) this.unsent = [chunk]
    else this.unsent.push(chunk)
    this.pump()
  }

  /** For whoever has more to send; false: wait for `onRoom`. */
  protected takesMore(): boolean {
    if (this.unsent !== undefined) return false
    if (!this.host.isBehind) return true
    this.wait()
    return false
  }

  /** Sends what the client's windows and the socket take, and the end behind it. */
  protected pump(): void {
    const { session } = this.host
    if (this.isOver) return
    while (this.unsent !== undefined) {
      const chunk = this.unsent[0]!
      const length = Math.min(chunk.length, maxFrameBytes, this.sendWindow, session.sending.connection)
      if (length <= 0 || this.host.isBehind) return this.wait()
      const isAll = length === chunk.length
      if (!isAll) this.unsent[0] = chunk.subarray(length)
      else if (this.unsent.length > 1) this.unsent.shift()
      else this.unsent = undefined
      const isEnd = this.isEnding && this.unsent === undefined && this.lastBlock === ''
      if (isEnd) this.endSent = true
      session.noteSent(this, length, !isAll && length < maxFrameBytes)
      this.sendPiece(isAll ? chunk : chunk.subarray(0, length), isEnd)
    }
    if (this.isEnding) this.finish()
  }

  protected finish(): void {
    this.sendDeadlineAt = Infinity
    if (!this.endSent) {
      this.endSent = true
      if (this.lastBlock !== '') this.sendBlock(this.lastBlock, true)
      else if (this.isEnding) this.host.send(dataHead(0, true, this.id))
    }
    this.host.session.sending.stopWaiting(this)
    this.onAllSent()
  }

  private sendPiece(piece: Uint8Array, isEnd: boolean): void {
    const head = dataHead(piece.length, isEnd, this.id)
    if (piece.length > smallPiece) this.host.sendContent(head, piece)
    else this.host.send(head + Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1'))
  }

  private wait(): void {
    this.host.session.sending.wait(this)
    if (this.sendDeadlineAt === Infinity) this.sendDeadlineAt = performance.now() + this.host.limits.sendMs
  }
}
