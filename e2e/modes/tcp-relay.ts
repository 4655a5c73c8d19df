// Passes connections on to a server that others use as well, so that it can be away for one system alone.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort, type Cleanup } from '@sluice/testkit'

export class TcpRelay {
  readonly port: number
  readonly #host: string
  readonly #target: { readonly host: string; readonly port: number }
  /** How much later than it came each piece goes on, either way. */
  delayMs = 0
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  constructor(host: string, port: number, target: string) {
    this.#host = host
    const colon = target.lastIndexOf(':')
    this.port = port
    this.#target = { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) }
  }

  get address(): string {
    return `${this.#host}:${this.port}`
  }

  /** The server is there; nothing happens when it is already. */
  async open(): Promise<void> {
    if (this.#server !== undefined) return
    this.#server = createServer((socket) => this.#join(socket))
    this.#server.listen(this.port, this.#host)
    await once(this.#server, 'listening')
  }

  /** The server is gone: connections end, new ones are refused. */
  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #join(client: Socket): void {
    const server = connect(this.#target.port, this.#target.host)
    for (const [socket, other] of [[client, server], [server, client]] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      const lane = new Lane(other)
      socket.on('data', (piece: Buffer) => lane.pass(piece, this.delayMs))
      socket.once('end', () => lane.pass(undefined, this.delayMs))
    }
  }
}

/** One direction of a connection: pieces, and the end, in their order, each not before it is due. */
class Lane {
  readonly #to: Socket
  readonly #waiting: { readonly piece: Buffer | undefined; readonly dueAt: number }[] = []

  constructor(to: Socket) {
    this.#to = to
  }

  pass(piece: Buffer | undefined, delayMs: number): void {
    this.#waiting.push({ piece, dueAt: performance.now() + delayMs })
    if (this.#waiting.length === 1) this.#sendDue()
  }

  #sendDue(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const waitMs = next.dueAt - performance.now()
      if (waitMs > 0) return void setTimeout(() => this.#sendDue(), waitMs)
      this.#waiting.shift()
      if (next.piece === undefined) this.#to.end()
      else if (this.#to.writable) this.#to.write(next.piece)
    }
  }
}

/** A relay to `target` (host:port) that goes with the test. */
export async function openRelay(t: Cleanup, target: string, host = '127.0.0.1'): Promise<TcpRelay> {
  const relay = new TcpRelay(host, await freePort(host), target)
  await relay.open()
  t.after(() => relay.cut())
  return relay
}
