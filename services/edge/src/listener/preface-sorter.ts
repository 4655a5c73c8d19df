/**
 * Tells by the first bytes of a connection which HTTP its client speaks: the preface of HTTP/2 (RFC 9113 §3.4) cannot be
 * the beginning of a request that anybody would serve.
 */
import type { Socket } from 'node:net'

export interface PrefaceSorterParts {
  /** For the first bytes to come. */
  readonly waitMs: () => number
  readonly onHttp1: (socket: Socket, peerAddress: string) => void
  readonly onHttp2: (socket: Socket, peerAddress: string) => void
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export class PrefaceSorter {
  private readonly parts: PrefaceSorterParts
  /** Connections that have not said enough, and until when they may. */
  private readonly waiting = new Map<Socket, number>()

  constructor(parts: PrefaceSorterParts) {
    this.parts = parts
  }

  accept(socket: Socket, peerAddress: string): void {
    this.waiting.set(socket, performance.now() + this.parts.waitMs())
    let begun: Buffer | undefined
    const onGone = (): void => {
      this.waiting.delete(socket)
      socket.destroy()
    }
    const onData = (piece: Buffer): void => {
      begun = begun === undefined ? piece : Buffer.concat([begun, piece])
      const length = Math.min(begun.length, preface.length)
      const isHttp2 = begun.compare(preface, 0, length, 0, length) === 0
      if (isHttp2 && length < preface.length) return
      this.waiting.delete(socket)
      socket.off('data', onData).off('end', onGone).off('close', onGone)
      this.handOn(socket, peerAddress, begun, isHttp2)
    }
    socket.on('data', onData).on('end', onGone).on('close', onGone)
  }

  /** Ends those whose time is over. */
  sweep(now: number): void {
    for (const [socket, until] of this.waiting) if (now >= until) socket.destroy()
  }

  destroy(): void {
    for (const socket of this.waiting.keys()) socket.destroy()
  }

  private handOn(socket: Socket, peerAddress: string, begun: Buffer, isHttp2: boolean): void {
    socket.pause()
    socket.unshift(begun)
    if (isHttp2) this.parts.onHttp2(socket, peerAddress)
    else this.parts.onHttp1(socket, peerAddress)
  }
}
