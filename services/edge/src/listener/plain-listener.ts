/**
 * The listening socket of `listeners.http`: HTTP/1.1 on the gateway's own engine, and with `h2c` HTTP/2 beside it, for
 * clients that know beforehand (RFC 9113 §3.3).
 */
import type { DoorRules } from './door-rules.ts'
import { EngineListener } from './engine-listener.ts'
import { engineLimits } from './engine-limits.ts'
import { Http2Connections } from './http2-connections.ts'
import type { Http2Flood } from './http2-floods.ts'
import type { HttpListenerParts, Listener } from './http-listener.ts'
import { PrefaceSorter } from './preface-sorter.ts'

export interface PlainListenerParts extends HttpListenerParts {
  readonly onFlood: (kind: Http2Flood) => void
}

export class PlainListener implements Listener {
  readonly address: string
  private readonly http1: EngineListener
  private readonly http2: Http2Connections
  private readonly sorter: PrefaceSorter
  private readonly sweeper: NodeJS.Timeout
  private rules: DoorRules

  constructor(parts: PlainListenerParts) {
    this.address = parts.address
    this.rules = parts.rules
    const { isServing, onExchange, onConnections, requestId, onFlood } = parts
    this.http2 = new Http2Connections({ encrypted: false, rules: () => this.rules, isServing, onExchange, onConnections, requestId, onFlood })
    this.sorter = new PrefaceSorter({
      waitMs: () => this.rules.limits.headMs,
      onHttp1: (socket, peerAddress) => this.http1.serve(socket, peerAddress),
      onHttp2: (socket, peerAddress) => this.http2.serve(socket, peerAddress),
    })
    this.http1 = new EngineListener(parts, {
      encrypted: false,
      accept: (socket, peerAddress) => (this.rules.h2c ? this.sorter.accept(socket, peerAddress) : this.http1.serve(socket, peerAddress)),
    })
    this.sweeper = setInterval(() => this.sweep(), engineLimits.sweepMs).unref()
  }

  configure(rules: DoorRules): void {
    this.rules = rules
    this.http1.configure(rules)
  }

  listen(): Promise<number> {
    return this.http1.listen()
  }

  async drain(deadlineMs: number): Promise<void> {
    this.http2.beginDrain()
    const end = setTimeout(() => {
      this.http2.destroy()
      this.sorter.destroy()
    }, deadlineMs)
    await this.http1.drain(deadlineMs)
    clearTimeout(end)
    clearInterval(this.sweeper)
  }

  private sweep(): void {
    const now = performance.now()
    this.http2.sweep(now)
    this.sorter.sweep(now)
  }
}
