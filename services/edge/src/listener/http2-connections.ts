import type { Socket } from 'node:net'
import type { DoorRules } from './door-rules.ts'
import type { HttpListenerParts } from './http-listener.ts'
import { Http2Connection, type Http2ConnectionParts } from './http2-connection.ts'
import { http2Limits } from './http2-limits.ts'
import type { Http2Flood } from './http2/flood-watch.ts'
import { KnownStrings } from './http2/known-strings.ts'
import { SendRound } from './http2/outbox.ts'

export interface Http2ConnectionsParts extends Pick<HttpListenerParts, 'isServing' | 'onExchange' | 'onConnections' | 'requestId'> {
  readonly encrypted: boolean
  readonly rules: () => DoorRules
  readonly onFlood: (kind: Http2Flood) => void
}

/** The connections of a listener that speak HTTP/2. */
export class Http2Connections {
  private readonly open = new Set<Http2Connection>()
  private readonly shared: Http2ConnectionParts
  private readonly onConnections: (change: 1 | -1) => void
  private draining = false

  constructor({ rules, onConnections, ...parts }: Http2ConnectionsParts) {
    this.onConnections = onConnections
    this.shared = {
      ...parts,
      limits: () => rules().limits,
      lifetime: () => rules().lifetime,
      http2: http2Limits,
      strings: new KnownStrings(),
      round: new SendRound(),
      healthPath: () => rules().healthPath,
      isDraining: () => this.draining,
      onClosed: (connection) => {
        if (this.open.delete(connection)) onConnections(-1)
      },
    }
  }

  /** `peerAddress`: of the client. */
  serve(socket: Socket, peerAddress: string): void {
    this.open.add(new Http2Connection(socket, this.shared, peerAddress))
    this.onConnections(1)
  }

  sweep(now: number): void {
    for (const connection of this.open) connection.checkDeadline(now)
  }

  beginDrain(): void {
    this.draining = true
    for (const connection of this.open) connection.beginDrain()
  }

  destroy(): void {
    for (const connection of this.open) connection.destroy()
  }
}
