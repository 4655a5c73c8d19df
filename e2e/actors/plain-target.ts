// A service behind the gateway that says what it was asked, and remembers nothing: it is asked for minutes.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Cleanup } from '@sluice/testkit'

export class PlainTarget {
  readonly url: string
  /** What its health path answers. */
  health = 200
  /** How many requests came, probes not counted. */
  asked = 0
  /** Whose probes get no answer, by address; and how many got none. */
  deafTo: string | undefined
  deafened = 0
  readonly #host: string
  readonly #port: number
  #server: Server | undefined

  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
    this.url = `http://${host}:${port}`
  }

  async start(): Promise<void> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      const isProbe = request.url === '/health'
      request.resume()
      if (!isProbe) this.asked++
      else if (request.socket.remoteAddress === this.deafTo) return void this.deafened++
      response.writeHead(isProbe ? this.health : 200, { 'content-type': 'text/plain' })
      response.end(`at ${request.url}`)
    })
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

/** A target that goes with the test. */
export async function startTarget(t: Cleanup, host: string, port: number): Promise<PlainTarget> {
  const target = new PlainTarget(host, port)
  await target.start()
  t.after(() => target.kill())
  return target
}
