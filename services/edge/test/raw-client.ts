/** A client that sends bytes as they are, and reads what comes back by its framing, trusting nothing. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@sluice/testkit'

export interface SeenResponse {
  readonly status: number
  /** Flat, names in lower case. */
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: string
  readonly isComplete: boolean
}

export class RawClient {
  text = ''
  isClosed = false
  readonly socket: Socket

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('end', () => (this.isClosed = true))
    socket.on('close', () => (this.isClosed = true))
  }

  static async connect(port: number): Promise<RawClient> {
    const client = new RawClient(connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
    await waitUntil(() => !client.socket.connecting, { everyMs: 1, what: 'a connection' })
    return client
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1')
  }

  /** The responses so far; `methods` are those of the requests, in order [GET]. */
  responses(methods: readonly string[] = []): SeenResponse[] {
    return readResponses(this.text, this.isClosed, methods)
  }

  /** Resolves when nothing has come for `ms`, or the connection is closed. */
  async quiet(ms: number): Promise<void> {
    for (let before = -1; before !== this.text.length && !this.isClosed; ) {
      before = this.text.length
      await sleep(ms)
    }
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** Throws when what is there is no response. */
export function readResponses(text: string, isClosed: boolean, methods: readonly string[]): SeenResponse[] {
  const seen: SeenResponse[] = []
  let at = 0
  let finals = 0
  while (at < text.length) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end < 0) break
    const lines = text.slice(at, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(`${lines[0]!} `)?.[1] ?? Number.NaN)
    if (Number.isNaN(status)) throw new Error(`no response: ${JSON.stringify(text.slice(at, at + 80))}`)
    const fields = lines.slice(1).flatMap((line) => {
      const colon = line.indexOf(': ')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
    })
    const method = status < 200 ? '' : (methods[finals++] ?? 'GET')
    const body = readBody(text, end + 4, isClosed, status, fields, method)
    seen.push({ status, fields, body: body.text, trailers: body.trailers, isComplete: body.isComplete })
    at = body.end
  }
  return seen
}

interface ReadBody {
  readonly text: string
  readonly end: number
  readonly isComplete: boolean
  readonly trailers: string
}

export function fieldOf(fields: readonly string[], name: string): string | undefined {
  const at = fields.findIndex((field, index) => index % 2 === 0 && field === name)
  return at < 0 ? undefined : fields[at + 1]
}

function readBody(text: string, start: number, isClosed: boolean, status: number, fields: readonly string[], method: string): ReadBody {
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return { text: '', end: start, isComplete: true, trailers: '' }
  if (fieldOf(fields, 'transfer-encoding') === 'chunked') return readChunks(text, start)
  const length = fieldOf(fields, 'content-length')
  if (length === undefined) return { text: text.slice(start), end: text.length, isComplete: isClosed, trailers: '' }
  const end = start + Number(length)
  return { text: text.slice(start, end), end: Math.min(end, text.length), isComplete: end <= text.length, trailers: '' }
}

function readChunks(text: string, start: number): ReadBody {
  let body = ''
  let at = start
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (lineEnd < 0 || text.length < lineEnd + 4 + size) return { text: body + text.slice(lineEnd < 0 ? text.length : lineEnd + 2), end: text.length, isComplete: false, trailers: '' }
    if (size === 0) return readTrailers(text, body, lineEnd + 2)
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 4 + size
  }
}

function readTrailers(text: string, body: string, start: number): ReadBody {
  if (text.startsWith('\r\n', start)) return { text: body, end: start + 2, isComplete: true, trailers: '' }
  const end = text.indexOf('\r\n\r\n', start)
  if (end < 0) return { text: body, end: text.length, isComplete: false, trailers: '' }
  return { text: body, end: end + 4, isComplete: true, trailers: text.slice(start, end) }
}
