/** One listening socket of a worker on the gateway's own HTTP/1.1 engine; the same face as `HttpListener`. */
import { createServer, type Server, type Socket } from 'node:net'
import { Admission } from './admission.ts'
import type { DoorRules } from './door-rules.ts'
import { refusedConnectionText } from './engine-answers.ts'
import { EngineConnection, type EngineConnectionParts } from './engine-connection.ts'
import { engineLimits } from './engine-limits.ts'
import type { HttpListenerParts, Listener } from './http-listener.ts'
import { listenAt } from './listen-at.ts'
import { takeOver } from './shared-reads.ts'

/** Who takes connections before HTTP/1.1 does, and hands back with `serve` those that speak it. */
export interface Front {
  /** Whether it ends their encryption. */
  readonly encrypted: boolean
  accept(socket: Socket, peerAddress: string): void
}

const closedInOneTurn = 32

export class EngineListener implements Listener {
  readonly address: string
  private rules: DoorRules
  private readonly parts: HttpListenerParts
  private readonly server: Server
  private readonly admission: Admission
  private readonly connections = new Set<EngineConnection>()
  private readonly sweeper: NodeJS.Timeout
  private readonly shared: EngineConnectionParts
  private draining = false
  private onLastClosed: (() => void) | undefined

  constructor(parts: HttpListenerParts, front?: Front) {
    this.parts = parts
    this.rules = parts.rules
    this.address = parts.address
    const encrypted = front?.encrypted === true
    this.shared = this.connectionParts(encrypted)
    this.admission = new Admission({
      rules: () => this.rules,
      isUnix: parts.address.startsWith('unix:'),
      onAdmitted: (socket, peerAddress) => (front === undefined ? this.serve(socket, peerAddress) : front.accept(socket, peerAddress)),
      onRefused: parts.onRefused,
      refusal: encrypted ? undefined : (reason) => refusedConnectionText(reason, parts.requestId()),
    })
    this.server = createServer({ allowHalfOpen: !encrypted, noDelay: true }, (socket: Socket) => this.admission.accept(encrypted ? socket : takeOver(socket)))
    this.sweeper = setInterval(() => this.sweep(), engineLimits.sweepMs).unref()
  }

  serve(socket: Socket, peerAddress: string): void {
    this.connections.add(new EngineConnection(socket, this.shared, peerAddress))
    this.parts.onConnections(1)
  }

  configure(rules: DoorRules): void {
    this.rules = rules
    this.admission.configure(rules)
  }

  listen(): Promise<number> {
    return listenAt(this.server, this.parts)
  }

  async drain(deadlineMs: number): Promise<void> {
    this.draining = true
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    const { sweepMs, drainGraceMs } = this.rules.limits
    const began = performance.now()
    const idle = setInterval(() => {
      const since = performance.now() - drainGraceMs
      // After what has come meanwhile was read: of a loop that is late, timers run first, and a request that waits must not be reset.
      if (since >= began) setImmediate(() => this.closeIdle(since))
    }, sweepMs)
    const end = setTimeout(() => this.closeAll(), deadlineMs)
    await closed
    await this.allTold()
    clearInterval(idle)
    clearTimeout(end)
    clearInterval(this.sweeper)
  }

  private connectionParts(encrypted: boolean): EngineConnectionParts {
    const { isServing, onExchange, requestId, onConnections } = this.parts
    return {
      limits: () => this.rules.limits,
      lifetime: () => this.rules.lifetime,
      encrypted,
      healthPath: () => this.rules.healthPath,
      isServing,
      isDraining: () => this.draining,
      onExchange,
      requestId,
      onClosed: (connection: EngineConnection) => {
        this.connections.delete(connection)
        if (this.connections.size === 0) this.onLastClosed?.()
        onConnections(-1)
      },
    }
  }

  /** A server is closed a moment before its connections tell of their end, and the exchanges on them are recorded then. */
  private allTold(): Promise<void> {
    return this.connections.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.onLastClosed = resolve))
  }

  /**
   * A few in one turn of the loop, whose reads come between: closing thousands takes so long that requests arrive meanwhile on those
   * that are still to be closed, and a connection with unread bytes is reset.
   */
  private closeIdle(since: number): void {
    let closed = 0
    for (const connection of this.connections) {
      if (!connection.isIdleSince(since)) continue
      connection.socket.destroy()
      if (++closed === closedInOneTurn) return void setImmediate(() => this.closeIdle(since))
    }
  }

  private closeAll(): void {
    this.admission.destroy()
    for (const connection of this.connections) connection.socket.destroy()
  }

  private sweep(): void {
    const now = performance.now()
    this.admission.sweep(now)
    for (const connection of this.connections) connection.checkDeadline(now)
  }
}
