/** One question over HTTP, answered as JSON; every wait and size has an end. */
import { request as askPlainly } from 'node:http'
import { request as askSecurely } from 'node:https'

export interface Question {
  readonly url: URL
  readonly method?: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM: the authorities that are trusted instead of those that Node brings. */
  readonly ca?: string | undefined
}

export interface JsonAnswer {
  readonly status: number
  /** Undefined when it was no JSON. */
  readonly body: unknown
}

const timeoutMs = 3000
const maxBytes = 1024 * 1024

/** Rejects when there is no answer within 3 s, or one of more than 1 MiB. */
export function askJson({ url, method = 'GET', headers, body, ca }: Question): Promise<JsonAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const ask = url.protocol === 'https:' ? askSecurely : askPlainly
    const request = ask(url, { method, headers: { accept: 'application/json', ...headers }, agent: false, signal, ...(ca !== undefined && { ca }) }, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) request.destroy(new Error(`its answer is longer than ${maxBytes} bytes`))
        chunks.push(chunk)
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString('utf8')) }))
      response.on('error', reject)
    })
    request.on('error', (error) => reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error))
    request.end(body)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The value at a path of names in what was answered. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined), value)
}
