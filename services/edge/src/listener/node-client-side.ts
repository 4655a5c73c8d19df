import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { ClientSide, ClientWatcher } from './client-side.ts'
import { RequestBody } from './request-body.ts'

/** `ClientSide` over `node:http`. */
export class NodeClientSide implements ClientSide {
  readonly method: string
  readonly target: string
  readonly fields: string[]
  readonly declaredBytes: number | undefined
  readonly encrypted = false
  /** The field is passed over, as RFC 9110 §7.8 allows. */
  readonly upgrade = undefined
  readonly isGrpc = false
  /** undici tells nothing of an upstream's. */
  readonly acceptsTrailers = false
  watcher: ClientWatcher | undefined
  private readonly request: IncomingMessage
  private readonly response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request
    this.response = response
    this.method = request.method ?? ''
    this.target = request.url ?? ''
    this.fields = request.rawHeaders
    this.declaredBytes = declaredBytes(request)
    response.on('close', () => {
      if (!response.writableFinished) this.watcher?.onClientGone()
    })
  }

  get httpVersion(): string {
    return this.request.httpVersion
  }

  get peerAddress(): string {
    return this.request.socket.remoteAddress ?? ''
  }

  get localPort(): number {
    return this.request.socket.localPort ?? 0
  }

  get isGone(): boolean {
    return this.request.socket.destroyed
  }

  body(onChunk: (bytesSoFar: number, piece: Uint8Array) => boolean): Readable {
    return new RequestBody(this.request, onChunk)
  }

  sendHead(status: number, fields: string[], flush: boolean): void {
    this.response.writeHead(status, fields)
    if (flush) this.response.flushHeaders()
  }

  send(chunk: Uint8Array): boolean {
    const roomy = this.response.write(chunk)
    if (!roomy) this.response.once('drain', this.onDrain)
    return roomy
  }

  end(chunk?: Uint8Array | string): void {
    if (chunk === undefined) this.response.end()
    else this.response.end(chunk)
  }

  switchProtocols(): never {
    throw new Error('node:http was asked for another protocol than it offers')
  }

  closeAfterwards(): void {
    this.response.shouldKeepAlive = false
  }

  destroy(): void {
    this.request.socket.destroy()
  }

  private readonly onDrain = (): void => this.watcher?.onClientDrain()
}

function declaredBytes(request: IncomingMessage): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined
  const length = request.headers['content-length']
  return length === undefined ? 0 : Number(length)
}
