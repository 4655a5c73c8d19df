// An issuer of tokens that counts how often its key set is asked for.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cleanup } from '@sluice/testkit'
import { KillableServer } from '../actors/killable-server.ts'
import type { SigningKey } from '../actors/signing-keys.ts'

export class IssuerDouble extends KillableServer {
  /** Instants on performance.now() at which it was asked. */
  readonly askedAt: number[] = []
  readonly #keys: readonly SigningKey[]

  private constructor(host: string, port: number, keys: readonly SigningKey[]) {
    super(host, port)
    this.#keys = keys
  }

  static async start(t: Cleanup, host: string, port: number, keys: readonly SigningKey[]): Promise<IssuerDouble> {
    const issuer = new IssuerDouble(host, port, keys)
    await issuer.start()
    t.after(() => issuer.kill())
    return issuer
  }

  protected answer(request: IncomingMessage, response: ServerResponse): void {
    this.askedAt.push(performance.now())
    request.resume()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: this.#keys.map(({ jwk }) => jwk) }))
  }
}
