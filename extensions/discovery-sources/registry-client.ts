/** HTTP for sources that ask a registry: one answer as JSON, or a stream of lines; every wait and every size has an end. */
import { Agent, type Dispatcher } from 'undici'

/** The settings `tls` of a source, with the files' content. */
export interface RegistryTls {
  readonly caFile?: string | undefined
  readonly serverName?: string | undefined
  readonly clientCertFile?: string | undefined
  readonly clientKeyFile?: string | undefined
}

export interface Question {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
  /** Until the head of the answer, and the longest silence within its body [10 000]. */
  readonly silenceMs?: number
}

export interface JsonAnswer {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

/** The registry answered, but not with 200. */
export class RegistryRefusal extends Error {
  readonly status: number

  constructor(status: number, path: string) {
    super(`it answered ${status} to ${path}`)
    this.name = 'RegistryRefusal'
    this.status = status
  }
}

const connectMs = 5000
const defaultSilenceMs = 10_000
const maxAnswerBytes = 32 << 20
const maxLineLength = 8 << 20

export class RegistryClient {
  readonly #agent: Agent

  constructor(tls: RegistryTls = {}) {
    const { caFile, serverName, clientCertFile, clientKeyFile } = tls
    const secure = { ...(caFile && { ca: caFile }), ...(clientCertFile && { cert: clientCertFile, key: clientKeyFile }), ...(serverName && { servername: serverName }) }
    this.#agent = new Agent({ connect: { timeout: connectMs, ...secure }, connections: 4 })
  }

  /** Throws `RegistryRefusal` for another status than 200, and an `Error` for an answer that is too long or no JSON. */
  async json(url: URL, question: Question): Promise<JsonAnswer> {
    const { headers, body } = await this.#ask(url, question)
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxAnswerBytes) throw new Error(`its answer is longer than ${maxAnswerBytes} bytes`)
      chunks.push(chunk)
    }
    return { headers, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) }
  }

  /** Each line of an answer that goes on. `onOpen` is called once its head is there. */
  async *lines(url: URL, question: Question, onOpen: () => void): AsyncGenerator<string> {
    const { body } = await this.#ask(url, question)
    onOpen()
    let rest = ''
    body.setEncoding('utf8')
    for await (const chunk of body as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      if (rest.length > maxLineLength) throw new Error(`it sent a line longer than ${maxLineLength} characters`)
      for (const line of lines) if (line !== '') yield line
    }
  }

  close(): void {
    void this.#agent.destroy().catch(() => {})
  }

  async #ask(url: URL, { method = 'GET', headers = {}, body, signal, silenceMs = defaultSilenceMs }: Question): Promise<Dispatcher.ResponseData> {
    const path = url.pathname + url.search
    const fields = { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }
    const answer = await this.#agent.request({ origin: url.origin, path, method, headers: fields, body: body ?? null, signal, headersTimeout: silenceMs, bodyTimeout: silenceMs })
    if (answer.statusCode === 200) return answer
    await answer.body.dump({ limit: 65_536 }).catch(() => {})
    throw new RegistryRefusal(answer.statusCode, url.pathname)
  }
}
