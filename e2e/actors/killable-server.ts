import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** An HTTP server that can be ended and started again at the same address. */
export abstract class KillableServer {
  readonly url: string
  readonly #host: string
  readonly #port: number
  readonly #keepAliveMs: number
  #server: Server | undefined

  constructor(host: string, port: number, keepAliveMs = 5000) {
    this.#host = host
    this.#port = port
    this.#keepAliveMs = keepAliveMs
    this.url = `http://${host}:${port}`
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse): void

  async start(): Promise<void> {
    const server = createServer({ keepAliveTimeout: this.#keepAliveMs }, (request, response) => this.answer(request, response))
    server.listen(this.#port, this.#host)
    await once(server, 'listening')
    this.#server = server
  }

  /** As if its process were killed: connections are reset, new ones refused. */
  async kill(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
}
