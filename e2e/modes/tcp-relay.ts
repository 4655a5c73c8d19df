// Passes connections on to a server that others use as well, so that it can be away for one system alone.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort, type Cleanup } from '@sluice/testkit'

export class TcpRelay {
  readonly port: number
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  constructor(port: number, target: string) {
    const colon = target.lastIndexOf(':')
    this.port = port
    this.#target = { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) }
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  async open(): Promise<void> {
    this.#server = createServer((socket) => this.#join(socket))
    this.#server.listen(this.port, '127.0.0.1')
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
      socket.pipe(other)
    }
  }
}

/** A relay to `target` (host:port) that goes with the test. */
export async function openRelay(t: Cleanup, target: string): Promise<TcpRelay> {
  const relay = new TcpRelay(await freePort(), target)
  await relay.open()
  t.after(() => relay.cut())
  return relay
}
