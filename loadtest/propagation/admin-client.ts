/** The admin API over kept-alive connections: `fetch` would need more of the processor than the write that it asks for. */
import { Agent, request } from 'node:http'

export interface AdminAnswer<T> {
  readonly body: T
  /** What the answer's `Server-Timing` says, in ms, by name. */
  readonly timings: Readonly<Record<string, number>>
}

export class AdminClient {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string, token: string) {
    this.#url = url
    this.#headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  }

  /** Rejects for everything but an answer that all is done: 202 is an error as well. */
  ask<T>(method: string, path: string, body?: object): Promise<AdminAnswer<T>> {
    return new Promise((resolve, reject) => {
      const sent = request(this.#url + path, { method, headers: this.#headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (response.statusCode !== 200 && response.statusCode !== 201) return reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 500)}`))
          resolve({ body: JSON.parse(text) as T, timings: timingsIn(response.headers['server-timing']) })
        })
      })
      sent.on('error', reject)
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Of `check;dur=1.2, store;dur=3.4` the durations. */
function timingsIn(header: string | string[] | undefined): Record<string, number> {
  return Object.fromEntries(String(header ?? '').split(',').flatMap((metric) => {
    const found = /^\s*([^;\s]+);dur=([\d.]+)/.exec(metric)
    return found === null ? [] : [[found[1]!, Number(found[2])]]
  }))
}
