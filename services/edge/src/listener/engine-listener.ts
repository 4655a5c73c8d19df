/** One listening socket of a worker on the gateway's own HTTP/1.1 engine; the same face as `HttpListener`. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { listenProblem, parseAddress } from '@sluice/service-kit'
import { EngineConnection, type EngineConnectionParts } from './engine-connection.ts'
import { engineLimits, type EngineLimits } from './engine-limits.ts'
import type { HttpListenerParts, Listener } from './http-listener.ts'

export class EngineListener implements Listener {
  readonly address: string
  healthPath: string | undefined
  private readonly parts: HttpListenerParts
  private readonly limits: EngineLimits
  private readonly server: Server
  private readonly connections = new Set<EngineConnection>()
  private readonly sweeper: NodeJS.Timeout
  private readonly shared: EngineConnectionParts
  private draining = false

  /** `server`: one that is there already and whose connections are encrypted; it is told of them by `accept`. */
  constructor(parts: HttpListenerParts, limits: EngineLimits = engineLimits, server?: Server) {
    this.parts = parts
    this.limits = limits
    this.address = parts.address
    this.healthPath = parts.healthPath
    this.shared = {
      limits,
      encrypted: server !== undefined,
      healthPath: () => this.healthPath,
      isServing: parts.isServing,
      isDraining: () => this.draining,
      onExchange: parts.onExchange,
      requestId: parts.requestId,
      onClosed: (connection: EngineConnection) => {
        this.connections.delete(connection)
        parts.onConnections(-1)
      },
    }
    this.server = server ?? createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => this.accept(socket))
    this.sweeper = setInterval(() => this.sweep(), limits.sweepMs).unref()
  }

  accept(socket: Socket): void {
    this.connections.add(new EngineConnection(socket, this.shared))
    this.parts.onConnections(1)
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => reject(new Error(listenProblem(error, this.address, this.parts.addressSetting), { cause: error }))
      this.server.once('error', onError)
      this.server.listen({ ...parseAddress(this.address), backlog: 4096 }, () => {
        this.server.off('error', onError)
        const bound = this.server.address() as AddressInfo | string | null
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0)
      })
    })
  }

  async drain(deadlineMs: number): Promise<void> {
    this.draining = true
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    const { sweepMs, drainGraceMs } = this.limits
    const began = performance.now()
    const idle = setInterval(() => {
      const since = performance.now() - drainGraceMs
      if (since >= began) this.closeIdle(since)
    }, sweepMs)
    const end = setTimeout(() => this.closeAll(), deadlineMs)
    await closed
    clearInterval(idle)
    clearTimeout(end)
    clearInterval(this.sweeper)
  }

  private closeIdle(since: number): void {
    for (const connection of this.connections) if (connection.isIdleSince(since)) connection.socket.destroy()
  }

  private closeAll(): void {
    for (const connection of this.connections) connection.socket.destroy()
  }

  private sweep(): void {
    const now = performance.now()
    for (const connection of this.connections) connection.checkDeadline(now)
  }
}
