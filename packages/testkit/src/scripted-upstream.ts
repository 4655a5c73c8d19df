// An HTTP/1.1 server on port zero that does what a test tells it and remembers what it was sent.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Cleanup } from './child-process.ts'
import { readBody, recordRequest, type RecordedRequest } from './recorded-request.ts'
import { answer, breakConnection, type Script } from './upstream-scripts.ts'

export interface UpstreamOptions {
  script?: Script
  host?: string
  port?: number
  /** False hands a request to its script before its body: `reply.request` is then the stream to read [true]. */
  readBodies?: boolean
  /** Key and certificate: speak HTTPS. */
  tls?: ServerOptions
}

export class ScriptedUpstream {
  readonly requests: RecordedRequest[] = []
  readonly server: Server
  readonly #options: UpstreamOptions
  readonly #sockets = new Map<Socket, number>()
  readonly #once: Script[] = []
  #script: Script
  #connections = 0
  #port = 0

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#script = options.script ?? answer(200, 'ok')
    const onRequest = (request: IncomingMessage, response: ServerResponse) => void this.#receive(request, response)
    this.server = options.tls ? createTlsServer(options.tls, onRequest) : createServer(onRequest)
    this.server.keepAliveTimeout = 60_000 // the side under test decides when a connection ends
    this.server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => this.#accept(socket))
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    const { host = '127.0.0.1', tls } = this.#options
    return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${this.#port}`
  }

  /** Connections open now, and all there ever were. */
  get connections(): { open: number; accepted: number } {
    return { open: this.#sockets.size, accepted: this.#connections }
  }

  /** What it does with every request from now on. */
  does(script: Script): this {
    this.#script = script
    return this
  }

  /** What it does with the next requests, one script each, before it goes on as before. */
  doesNext(...scripts: Script[]): this {
    this.#once.push(...scripts)
    return this
  }

  async start(): Promise<this> {
    const { host = '127.0.0.1', port = 0 } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen({ port: this.#port || port, host }, () => {
        this.server.off('error', reject)
        resolve()
      })
    })
    this.#port = (this.server.address() as AddressInfo).port
    return this
  }

  /** Ends as a killed process does: listener gone, connections reset. `start` brings it back on the same port. */
  async kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const socket of this.#sockets.keys()) breakConnection(socket)
    await closed
  }

  #accept(socket: Socket): void {
    this.#sockets.set(socket, ++this.#connections)
    socket.on('error', () => {}) // resets are what tests do here
    socket.once('close', () => this.#sockets.delete(socket))
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const script = this.#once.shift() ?? this.#script
    const record = recordRequest(request, response, this.#sockets.get(request.socket) ?? 0)
    this.requests.push(record)
    try {
      if (this.#options.readBodies !== false) await readBody(request, record)
      await script({ record, request, response })
    } catch {
      request.socket.destroy() // the client left, or the script failed: either way the test sees a broken exchange
    }
  }
}

/** Starts one that is killed when the test `t` ends. */
export async function startUpstream(t: Cleanup, options: UpstreamOptions | Script = {}): Promise<ScriptedUpstream> {
  const upstream = new ScriptedUpstream(typeof options === 'function' ? { script: options } : options)
  t.after(() => upstream.kill())
  return upstream.start()
}
