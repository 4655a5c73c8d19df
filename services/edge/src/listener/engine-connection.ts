/**
 * One client connection on a plain socket: requests are read strictly, one after another, and answered in order. A
 * request's head is read once from one latin-1 string; a response's head and a small body leave in one write. No
 * stream objects: backpressure is the socket's own, passed on by `pause` and `resume`.
 */
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { errorBody, catalogue, type ErrorCode } from '@sluice/errors'
import { ChunkedDecoder, parseRequestHead, type RequestHead } from '@sluice/http'
import type { ClientSide, ClientWatcher } from './client-side.ts'
import { dateField, statusLine } from './response-text.ts'
import { EngineBody } from './engine-body.ts'

export interface EngineConnectionParts {
  readonly healthPath: () => string | undefined
  readonly isServing: () => boolean
  readonly isDraining: () => boolean
  readonly onExchange: (client: ClientSide) => void
  readonly onClosed: (connection: EngineConnection) => void
  readonly requestId: () => string
}

const maxHeadBytes = 64 * 1024
const headTimeoutMs = 30_000
const keepAliveMs = 75_000
/** Without a byte of the body for this long, the client is gone or means harm. */
const bodyTimeoutMs = 60_000

export class EngineConnection {
  readonly socket: Socket
  readonly parts: EngineConnectionParts
  readonly peerAddress: string
  readonly localPort: number
  /** The exchange that is running; the next request waits for its end. */
  private current: EngineClientSide | undefined
  private headText = ''
  private waiting: Buffer[] = []
  private deadlineAt: number
  private closed = false

  constructor(socket: Socket, parts: EngineConnectionParts) {
    this.socket = socket
    this.parts = parts
    this.peerAddress = socket.remoteAddress ?? ''
    this.localPort = socket.localPort ?? 0
    this.deadlineAt = performance.now() + headTimeoutMs
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.onData(chunk))
    socket.on('end', () => this.onEnd())
    socket.on('drain', () => this.current?.watcher?.onClientDrain())
    socket.on('error', () => undefined)
    socket.on('close', () => this.onClose())
  }

  get isIdle(): boolean {
    return this.current === undefined && this.headText === ''
  }

  checkDeadline(now: number): void {
    if (now < this.deadlineAt) return
    if (this.current !== undefined) this.current.bodyTimedOut()
    else if (this.headText !== '') this.refuse('client.header_timeout')
    else this.socket.destroy()
  }

  setBodyDeadline(running: boolean): void {
    this.deadlineAt = running ? performance.now() + bodyTimeoutMs : Infinity
  }

  /** The exchange is over on both sides: the next request may be read. */
  finish(keepAlive: boolean): void {
    this.current = undefined
    if (!keepAlive || this.parts.isDraining()) {
      this.socket.end()
      // A client that goes on sending must not keep the socket; half a second lets the response arrive first.
      this.deadlineAt = performance.now() + 500
      return
    }
    this.deadlineAt = performance.now() + keepAliveMs
    this.socket.resume()
    if (this.waiting.length > 0) {
      const input = this.waiting.length === 1 ? this.waiting[0]! : Buffer.concat(this.waiting)
      this.waiting = []
      this.onData(input)
    }
  }

  /** Bytes behind the end of a request belong to the next one. */
  keepRest(rest: Buffer): void {
    if (rest.length === 0) return
    this.waiting.push(rest)
    this.socket.pause()
  }

  private onData(chunk: Buffer): void {
    if (this.closed) return
    if (this.current !== undefined) {
      if (this.current.takeBody(chunk)) return
      this.keepRest(chunk)
      return
    }
    if (this.headText === '') this.deadlineAt = performance.now() + headTimeoutMs
    const before = this.headText.length
    this.headText += chunk.toString('latin1')
    this.readHead(chunk, before)
  }

  private readHead(chunk: Buffer, before: number): void {
    // An empty line before a request is passed over (RFC 9112 §2.2).
    const start = this.headText.startsWith('\r\n') ? 2 : 0
    const end = this.headText.indexOf('\r\n\r\n', Math.max(start, before - 3))
    if (end < 0) {
      if (this.headText.length > maxHeadBytes) this.refuse('client.header_too_large')
      return
    }
    const head = parseRequestHead(this.headText, start, end + 4)
    const rest = chunk.subarray(end + 4 - before)
    this.headText = ''
    if (typeof head === 'string') return this.refuse(head)
    if (head.method === 'CONNECT') return this.refuse('client.upgrade_unsupported')
    this.deadlineAt = Infinity
    if (this.isHealthProbe(head)) return this.answerProbe(head, rest)
    const side = new EngineClientSide(this, head)
    this.current = side
    if (rest.length > 0 && !side.takeBody(rest)) this.keepRest(rest)
    this.parts.onExchange(side)
  }

  private isHealthProbe(head: RequestHead): boolean {
    const path = this.parts.healthPath()
    return path !== undefined && (head.target === path || head.target.startsWith(`${path}?`))
  }

  private answerProbe(head: RequestHead, rest: Buffer): void {
    const serving = this.parts.isServing()
    const body = serving ? '{"status":"serving"}\n' : '{"status":"not serving"}\n'
    const keepAlive = head.keepAlive && head.framing === 'none' && !this.parts.isDraining()
    const fields = `Content-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: ${body.length}\r\n${keepAlive ? '' : 'Connection: close\r\n'}`
    this.socket.write(`${statusLine(serving ? 200 : 503)}${fields}${dateField()}\r\n${head.method === 'HEAD' ? '' : body}`, 'latin1')
    if (rest.length > 0 && keepAlive) this.waiting.push(rest)
    this.finish(keepAlive)
  }

  /** What the parser refuses never becomes an exchange; it is answered here, and the connection ends. */
  private refuse(code: ErrorCode): void {
    const { status, message } = catalogue[code]
    const requestId = this.parts.requestId()
    const { contentType, body } = errorBody({ code, message, requestId }, undefined)
    const fields = `Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nX-Request-ID: ${requestId}\r\nVia: 1.1 sluice\r\nConnection: close\r\n`
    this.closed = true
    this.deadlineAt = performance.now() + 500
    this.socket.end(`${statusLine(status)}${fields}${dateField()}\r\n${body}`, 'latin1')
  }

  /**
   * The client closed its side. While an exchange runs that means it has left: from here a client that only
   * half-closed looks the same as one that is gone, and work for one that is gone must end (as nginx decides too).
   */
  private onEnd(): void {
    if (this.current === undefined) this.socket.end()
    else this.socket.destroy()
  }

  private onClose(): void {
    this.closed = true
    const { current } = this
    this.current = undefined
    current?.gone()
    this.parts.onClosed(this)
  }
}

/** `ClientSide` over an engine's connection: one request and its response. */
export class EngineClientSide implements ClientSide {
  readonly method: string
  readonly target: string
  readonly fields: string[]
  readonly declaredBytes: number | undefined
  readonly encrypted = false
  watcher: ClientWatcher | undefined
  private readonly connection: EngineConnection
  private readonly head: RequestHead
  private readonly decoder: ChunkedDecoder | undefined
  private bodyLeft: number
  private bodyDone: boolean
  private source: EngineBody | undefined
  /** Body bytes that arrived before anybody asked for them; at most what one read brought. */
  private early: Buffer[] = []
  private pendingHead = ''
  private isChunked = false
  private keepAlive: boolean
  private bodyless = false
  private over = false
  private responseEnded = false

  constructor(connection: EngineConnection, head: RequestHead) {
    this.connection = connection
    this.head = head
    this.method = head.method
    this.target = head.target
    this.fields = head.fields.flat
    this.keepAlive = head.keepAlive
    this.declaredBytes = head.framing === 'chunked' ? undefined : head.framing === 'length' ? head.fields.contentLength : 0
    this.bodyLeft = this.declaredBytes ?? 0
    this.bodyDone = head.framing === 'none'
    this.decoder = head.framing === 'chunked' ? new ChunkedDecoder() : undefined
    if (!this.bodyDone) connection.setBodyDeadline(true)
  }

  get httpVersion(): string {
    return this.head.minor === 1 ? '1.1' : '1.0'
  }

  get peerAddress(): string {
    return this.connection.peerAddress
  }

  get localPort(): number {
    return this.connection.localPort
  }

  get isGone(): boolean {
    return this.over && !this.responseEnded
  }

  body(onChunk: (bytesSoFar: number) => boolean): Readable {
    const { socket } = this.connection
    const source = new EngineBody(onChunk, () => void socket.resume(), () => void socket.pause())
    this.source = source
    if (this.head.fields.expectsContinue && this.early.length === 0 && !this.bodyDone) socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
    for (const piece of this.early.splice(0)) source.accept(piece)
    if (this.bodyDone) source.finish()
    return source
  }

  sendHead(status: number, fields: string[], flush: boolean): void {
    let text = statusLine(status)
    let hasLength = false
    let hasDate = false
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index]!
      if (name.length === 14 && name.toLowerCase() === 'content-length') hasLength = true
      else if (name.length === 4 && name.toLowerCase() === 'date') hasDate = true
      text += `${name}: ${fields[index + 1]!}\r\n`
    }
    if (!hasDate) text += dateField()
    this.bodyless = this.method === 'HEAD' || status < 200 || status === 204 || status === 304
    if (!this.bodyless && !hasLength) {
      if (this.head.minor === 1) {
        this.isChunked = true
        text += 'Transfer-Encoding: chunked\r\n'
      } else this.keepAlive = false
    }
    // A body that is still on its way would have to be read to the end before the next request: the client is told to stop.
    if (!this.bodyDone && this.head.fields.expectsContinue) this.keepAlive = false
    if (this.connection.parts.isDraining()) this.keepAlive = false
    if (!this.keepAlive) text += 'Connection: close\r\n'
    else if (this.head.minor === 0) text += 'Connection: keep-alive\r\n'
    this.pendingHead = `${text}\r\n`
    if (flush) this.writeHead()
  }

  send(chunk: Uint8Array): boolean {
    if (this.over || this.bodyless || chunk.length === 0) return true
    const { socket } = this.connection
    if (this.isChunked) {
      socket.cork()
      socket.write(`${this.pendingHead}${chunk.length.toString(16)}\r\n`, 'latin1')
      socket.write(chunk)
      const roomy = socket.write('\r\n', 'latin1')
      this.pendingHead = ''
      socket.uncork()
      return roomy
    }
    if (this.pendingHead === '') return socket.write(chunk)
    socket.cork()
    this.writeHead()
    const roomy = socket.write(chunk)
    socket.uncork()
    return roomy
  }

  end(chunk?: Uint8Array | string): void {
    if (this.over) return
    const hasBody = chunk !== undefined && chunk.length > 0 && !this.bodyless
    if (hasBody && !this.isChunked) this.endWith(chunk)
    else {
      if (hasBody) this.send(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
      if (this.isChunked) this.connection.socket.write(`${this.pendingHead}0\r\n\r\n`, 'latin1')
      else if (this.pendingHead !== '') this.connection.socket.write(this.pendingHead, 'latin1')
    }
    this.pendingHead = ''
    this.responseEnded = true
    this.settle()
  }

  closeAfterwards(): void {
    this.keepAlive = false
  }

  destroy(): void {
    this.over = true
    this.connection.socket.destroy()
  }

  /** Takes what belongs to this request's body; false: nothing of it does. What is left over goes to the connection. */
  takeBody(chunk: Buffer): boolean {
    if (this.bodyDone) return false
    this.connection.setBodyDeadline(true)
    if (this.decoder !== undefined) this.takeChunks(chunk, this.decoder)
    else this.takeLength(chunk)
    return true
  }

  bodyTimedOut(): void {
    if (this.bodyDone) return
    this.source?.fail(new Error('the body did not arrive in time'))
    this.connection.socket.destroy()
  }

  gone(): void {
    if (this.over) return
    this.over = true
    if (!this.bodyDone) this.source?.fail(new Error('the client left before the body was complete'))
    if (!this.responseEnded) this.watcher?.onClientGone()
  }

  private endWith(body: Uint8Array | string): void {
    const { socket } = this.connection
    if (typeof body === 'string') socket.write(Buffer.from(this.pendingHead + body, 'utf8'))
    else if (this.pendingHead === '') socket.write(body)
    else if (body.length <= smallBodyBytes) socket.write(this.pendingHead + Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'), 'latin1')
    else {
      socket.cork()
      this.writeHead()
      socket.write(body)
      socket.uncork()
    }
  }

  private writeHead(): void {
    if (this.pendingHead === '' || this.over) return
    this.connection.socket.write(this.pendingHead, 'latin1')
    this.pendingHead = ''
  }

  private takeLength(chunk: Buffer): void {
    const mine = Math.min(chunk.length, this.bodyLeft)
    this.bodyLeft -= mine
    this.give(mine === chunk.length ? chunk : chunk.subarray(0, mine))
    if (this.bodyLeft === 0) this.endBody()
    if (mine < chunk.length) this.connection.keepRest(chunk.subarray(mine))
  }

  private takeChunks(chunk: Buffer, decoder: ChunkedDecoder): void {
    const end = decoder.feed(chunk, 0, (piece) => this.give(piece))
    if (decoder.state === 'bad') {
      this.keepAlive = false
      this.source?.fail(new Error('the chunked body is malformed'))
      this.bodyDone = true
      this.watcher?.onBadBody()
      return
    }
    if (decoder.state !== 'done') return
    this.endBody()
    if (end < chunk.length) this.connection.keepRest(chunk.subarray(end))
  }

  private give(piece: Buffer): void {
    if (this.source !== undefined) this.source.accept(piece)
    else if (!this.responseEnded) {
      this.early.push(piece)
      this.connection.socket.pause()
    }
  }

  private endBody(): void {
    this.bodyDone = true
    this.connection.setBodyDeadline(false)
    this.source?.finish()
    if (this.responseEnded) this.settle()
  }

  /** Both sides have to be through before the next request; a body that nobody wants is read past, or cut off. */
  private settle(): void {
    if (this.over) return
    if (!this.bodyDone && this.keepAlive) {
      this.connection.socket.resume()
      return
    }
    this.over = true
    this.connection.finish(this.keepAlive && this.bodyDone)
  }
}

/** Up to here copying into one string is cheaper than a second write. */
const smallBodyBytes = 16 * 1024
