import type { Socket } from 'node:net'
import type { DoorRules } from './door-rules.ts'
import { EngineListener } from './engine-listener.ts'
import { engineLimits } from './engine-limits.ts'
import { Http2Connections } from './http2-connections.ts'
import type { Http2Flood } from './http2/flood-watch.ts'
import type { HttpListenerParts, Listener } from './http-listener.ts'

export interface TwoProtocolListenerParts extends HttpListenerParts {
  readonly onFlood: (kind: Http2Flood) => void
}

/** A listening socket whose connections carry HTTP/1.1, on the gateway's own engine, or HTTP/2; who decides which stands in front. */
export abstract class TwoProtocolListener implements Listener {
  readonly address: string
  protected rules: DoorRules
  protected readonly http1: EngineListener
  protected readonly http2: Http2Connections
  private readonly sweeper: NodeJS.Timeout

  constructor(parts: TwoProtocolListenerParts, encrypted: boolean) {
    this.address = parts.address
    this.rules = parts.rules
    const { isServing, onExchange, onConnections, requestId, onFlood } = parts
    this.http2 = new Http2Connections({ encrypted, rules: () => this.rules, isServing, onExchange, onConnections, requestId, onFlood })
    this.http1 = new EngineListener(parts, { encrypted, accept: (socket, peerAddress) => this.accept(socket, peerAddress) })
    this.sweeper = setInterval(() => this.sweep(performance.now()), engineLimits.sweepMs).unref()
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
      this.destroyUndecided()
    }, deadlineMs)
    await this.http1.drain(deadlineMs)
    clearTimeout(end)
    clearInterval(this.sweeper)
  }

  /** Hands a connection that was let in on to `http1` or `http2`, once it is known which. */
  protected abstract accept(socket: Socket, peerAddress: string): void

  /** Ends the connections of which it is not known yet. */
  protected abstract destroyUndecided(): void

  /** Ends those whose time is over. */
  protected sweep(now: number): void {
    this.http2.sweep(now)
  }
}
