// A service behind the gateway that says what it was asked, and remembers nothing: it is asked for minutes.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cleanup } from '@sluice/testkit'
import { KillableServer } from './killable-server.ts'

export class PlainTarget extends KillableServer {
  /** What its health path answers. */
  health = 200
  /** How many requests came, probes not counted. */
  asked = 0
  /** Whose probes get no answer, by address; and how many got none. */
  deafTo: string | undefined
  deafened = 0

  constructor(host: string, port: number) {
    super(host, port, 60_000)
  }

  protected answer(request: IncomingMessage, response: ServerResponse): void {
    const isProbe = request.url === '/health'
    request.resume()
    if (!isProbe) this.asked++
    else if (request.socket.remoteAddress === this.deafTo) return void this.deafened++
    response.writeHead(isProbe ? this.health : 200, { 'content-type': 'text/plain' })
    response.end(`at ${request.url}`)
  }
}

/** A target that goes with the test. */
export async function startTarget(t: Cleanup, host: string, port: number): Promise<PlainTarget> {
  const target = new PlainTarget(host, port)
  await target.start()
  t.after(() => target.kill())
  return target
}
