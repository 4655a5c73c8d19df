/** One listening socket of a worker on the gateway's own HTTP/1.1 engine; the same face as `HttpListener`. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { listenProblem, parseAddress } from '@sluice/service-kit'
import { EngineConnection } from './engine-connection.ts'
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
  private draining = false

  constructor(parts: HttpListenerParts, limits: EngineLimits = engineLimits) {
    this.parts = parts
    this.limits = limits
    this.address = parts.address
    this.healthPath = parts.healthPath
    const shared = {
      limits,
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
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
      this.connections.add(new EngineConnection(socket, shared))
      parts.onConnections(1)
    })
    this.sweeper = setInterval(() => this.sweep(), limits.sweepMs).unref()
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
