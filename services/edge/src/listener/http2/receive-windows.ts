/**
 * What clients may send of their requests' bodies (RFC 9113 §5.2): a window for each stream and one for the connection, which bounds what
 * is kept of bodies that nobody has taken. Room is told of by halves of a window.
 */
import type { Http2Limits } from '../http2-limits.ts'
import { windowFrame } from './frames.ts'

export interface ReceivingStream {
  readonly id: number
  /** What its client may send before it is told of more; and what was taken without that being told. */
  receiveWindow: number
  untold: number
}

export class ReceiveWindows {
  private readonly limits: Http2Limits
  private readonly send: (frames: string) => void
  private window: number
  private untold = 0

  constructor(limits: Http2Limits, send: (frames: string) => void) {
    this.limits = limits
    this.send = send
    this.window = limits.connectionWindowBytes
  }

  /** A frame of DATA has begun; false: it is more than the connection's window. */
  takes(length: number): boolean {
    this.window -= length
    return this.window >= 0
  }

  /** So much has been taken: as much again may come, on `stream` too, where more is to come on it. */
  giveBack(bytes: number, stream: ReceivingStream | undefined): void {
    const { connectionWindowBytes, windowBytes } = this.limits
    this.untold += bytes
    if (this.untold >= connectionWindowBytes / 2) {
      this.window += this.untold
      this.send(windowFrame(0, this.untold))
      this.untold = 0
    }
    if (stream === undefined) return
    stream.untold += bytes
    if (stream.untold < windowBytes / 2) return
    stream.receiveWindow += stream.untold
    this.send(windowFrame(stream.id, stream.untold))
    stream.untold = 0
  }
}
