/** An upstream that answers with bytes as they are, and remembers what came over which connection. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Cleanup } from '@sluice/testkit'

export interface RawRequest {
  /** Head and body, a byte a character. */
  readonly text: string
  /** Counted from 1. */
  readonly connection: number
}

export type RawScript = (socket: Socket, request: RawRequest) => void

export const plainAnswer: RawScript = (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

export class RawUpstream {
  readonly requests: RawRequest[] = []
  readonly sockets = new Set<Socket>()
  script: RawScript = plainAnswer
  /** Told of every read, before a whole request is there. */
  onBytes: (socket: Socket, text: string) => void = () => undefined
  private readonly server: Server
  private connections = 0

  private constructor() {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket))
  }

  static async start(t: Cleanup): Promise<RawUpstream> {
    const upstream = new RawUpstream()
    await new Promise<void>((resolve) => upstream.server.listen(0, '127.0.0.1', resolve))
    t.after(() => upstream.stop())
    return upstream
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  get accepted(): number {
    return this.connections
  }

  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }

  private accept(socket: Socket): void {
    const connection = ++this.connections
    let text = ''
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      this.onBytes(socket, text)
      for (let end = endOfRequest(text); end > 0; end = endOfRequest(text)) {
        const request = { text: text.slice(0, end), connection }
        text = text.slice(end)
        this.requests.push(request)
        this.script(socket, request)
      }
    })
  }
}

/** Behind the first whole request, 0 when there is none. The gateway frames what it sends correctly, or the test fails. */
function endOfRequest(text: string): number {
  const head = text.indexOf('\r\n\r\n') + 4
  if (head < 4) return 0
  const fields = text.slice(0, head).toLowerCase()
  if (fields.includes('\r\ntransfer-encoding: chunked\r\n')) {
    const end = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(head))
    return end === null ? 0 : head + end.index + end[0].length
  }
  const length = Number(/\r\ncontent-length: (\d+)\r\n/.exec(fields)?.[1] ?? 0)
  return text.length >= head + length ? head + length : 0
}
