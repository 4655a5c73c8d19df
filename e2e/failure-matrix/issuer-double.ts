// An issuer of tokens that counts how often its key set is asked for.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Cleanup } from '@sluice/testkit'
import type { SigningKey } from '../actors/signing-keys.ts'

export class IssuerDouble {
  readonly url: string
  /** Instants on performance.now() at which it was asked. */
  readonly askedAt: number[] = []
  readonly #keys: readonly SigningKey[]
  readonly #host: string
  readonly #port: number
  #server: Server | undefined

  private constructor(host: string, port: number, keys: readonly SigningKey[]) {
    this.#host = host
    this.#port = port
    this.#keys = keys
    this.url = `http://${host}:${port}`
  }

  static async start(t: Cleanup, host: string, port: number, keys: readonly SigningKey[]): Promise<IssuerDouble> {
    const issuer = new IssuerDouble(host, port, keys)
    await issuer.start()
    t.after(() => issuer.kill())
    return issuer
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.askedAt.push(performance.now())
      request.resume()
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ keys: this.#keys.map(({ jwk }) => jwk) }))
    })
    server.listen(this.#port, this.#host)
    await once(server, 'listening')
    this.#server = server
  }

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
