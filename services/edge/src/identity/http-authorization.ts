/** Forward authorisation over HTTP, as proxies have it: a GET that describes the request; 2xx is yes, 5xx is no answer. */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { ExternalAnswer, ExternalQuestion } from '@sluice/policies/policy'
import type { Authorization } from './authorization.ts'

const maxBodyBytes = 65_536
/** Idle connections are kept, but hold up no process that wants to end. */
const connections = { keepAlive: true, maxSockets: 256, maxFreeSockets: 32, timeout: 60_000 }

export class HttpAuthorization implements Authorization {
  readonly #url: URL
  readonly #timeoutMs: number
  readonly #agent: HttpAgent

  constructor(url: string, timeoutMs: number) {
    this.#url = new URL(url)
    this.#timeoutMs = timeoutMs
    this.#agent = this.#url.protocol === 'https:' ? new HttpsAgent(connections) : new HttpAgent(connections)
  }

  ask(question: ExternalQuestion): Promise<ExternalAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ExternalAnswer>()
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest
    let isAnswered = false
    const request = send(this.#url, { agent: this.#agent, method: 'GET', headers: fieldsFor(question, this.#url.host) }, (response) => {
      isAnswered = true
      readAnswer(response).then(resolve, reject)
    })
    const timer = setTimeout(() => request.destroy(new Error(`no whole answer within ${this.#timeoutMs} ms`)), this.#timeoutMs)
    request.on('error', reject)
    request.on('close', () => {
      clearTimeout(timer)
      if (!isAnswered) reject(new Error('the connection ended before the answer'))
    })
    request.end()
    return promise
  }
}

/** What other servers of this kind are told, under the names that they know. */
function fieldsFor({ requestId, method, scheme, host, target, address, headers }: ExternalQuestion, authority: string): string[] {
  return [
    'Host', authority, 'X-Forwarded-Method', method, 'X-Forwarded-Proto', scheme, 'X-Forwarded-Host', host,
    'X-Forwarded-Uri', target, 'X-Forwarded-For', address, 'X-Request-ID', requestId, ...headers,
  ]
}

async function readAnswer(response: IncomingMessage): Promise<ExternalAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new Error(`the answer is larger than ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  const { statusCode: status = 0, rawHeaders: headers } = response
  if (status >= 500 || status < 200) throw new Error(`it answers with status ${status}`)
  if (status < 300) return { outcome: 'allowed', headers, remove: [], responseHeaders: [] }
  return { outcome: 'denied', status, headers, body: Buffer.concat(chunks).toString('utf8') }
}
