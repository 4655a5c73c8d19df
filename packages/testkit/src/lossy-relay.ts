import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Where a connection ends: before a piece is passed on to the server, or after it was, without its answer. */
export type Cut = 'before' | 'after' | 'none'

/** What `data` completes, given what came before it on the same connection. */
export type Splitter = (data: Buffer) => readonly Buffer[]

/** Passes bytes on between clients and a server, until it is told to lose some: for what becomes of calls whose answer never comes. */
export class LossyRelay {
  readonly port: number
  /** Asked at each piece that a client sends, once the one before is dealt with. */
  onPiece: (piece: Buffer) => Cut | Promise<Cut> = () => 'none'
  /** Nothing is passed on, nothing is closed. */
  isMute = false
  readonly #target: { readonly host: string; readonly port: number }
  readonly #splitter: () => Splitter
  #server: Server | undefined
  readonly #sockets = new Set<Socket>()

  /** `target`: host:port. `splitter` makes one for each connection [pieces as they come]. */
  constructor(port: number, target: string, splitter: () => Splitter = () => (data) => [data]) {
    const [host = '', targetPort] = target.split(':')
    this.port = port
    this.#target = { host, port: Number(targetPort) }
    this.#splitter = splitter
  }

  async open(): Promise<void> {
    this.#server = createServer((client) => this.#join(client)).listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    if (server) await new Promise((resolve) => server.close(resolve))
  }

  #join(client: Socket): void {
    const server = connect(this.#target)
    const end = () => [client, server].forEach((socket) => socket.destroy())
    for (const socket of [client, server]) this.#sockets.add(socket.on('error', end).on('close', () => (this.#sockets.delete(socket), end())))
    let isAnswerLost = false
    server.on('data', (data) => {
      if (isAnswerLost) end()
      else if (!this.isMute) client.write(data)
    })
    const pass = async (piece: Buffer): Promise<void> => {
      if (this.isMute) return
      const cut = await this.onPiece(piece)
      if (cut === 'before') return end()
      isAnswerLost ||= cut === 'after'
      server.write(piece)
    }
    const split = this.#splitter()
    let last = Promise.resolve()
    client.on('data', (data: Buffer) => {
      for (const piece of split(data)) last = last.then(() => pass(piece))
    })
  }
}
