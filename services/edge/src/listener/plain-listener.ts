/**
 * The listening socket of `listeners.http`: HTTP/1.1 on the gateway's own engine, and with `h2c` HTTP/2 beside it, for
 * clients that know beforehand (RFC 9113 §3.3).
 */
import type { Socket } from 'node:net'
import { PrefaceSorter } from './preface-sorter.ts'
import { TwoProtocolListener, type TwoProtocolListenerParts } from './two-protocol-listener.ts'

export class PlainListener extends TwoProtocolListener {
  private readonly sorter = new PrefaceSorter({
    waitMs: () => this.rules.limits.headMs,
    onHttp1: (socket, peerAddress) => this.http1.serve(socket, peerAddress),
    onHttp2: (socket, peerAddress) => this.http2.serve(socket, peerAddress),
  })

  constructor(parts: TwoProtocolListenerParts) {
    super(parts, false)
  }

  protected accept(socket: Socket, peerAddress: string): void {
    if (this.rules.h2c) this.sorter.accept(socket, peerAddress)
    else this.http1.serve(socket, peerAddress)
  }

  protected destroyUndecided(): void {
    this.sorter.destroy()
  }

  protected override sweep(now: number): void {
    super.sweep(now)
    this.sorter.sweep(now)
  }
}
