/**
 * `ClientSide` over an engine's connection: one request and its response. A response's head and a small body leave
 * in one write; backpressure is the socket's own, passed on.
 */
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import type { ClientCertificate } from '@sluice/policies/exchange'
import { ChunkedDecoder, isNamed, passableTrailers, websocketAccept, type RequestHead } from '@sluice/http'
import type { ClientSide, ClientWatcher, Upgrade } from './client-side.ts'
import { EngineBody } from './engine-body.ts'
import type { EngineLimits } from './engine-limits.ts'
import { dateField, statusLine } from './response-text.ts'
import type { TextWriter } from '../text-writer.ts'
import { websocketKeyOf } from './websocket-request.ts'

/** What an exchange needs of the connection that it runs on. */
export interface EngineHost {
  readonly socket: Socket
  /** For texts; what is written by it and by the socket stays in order. */
  readonly writer: TextWriter
  readonly limits: EngineLimits
  readonly peerAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  readonly clientCertificate: ClientCertificate | undefined
  readonly isDraining: boolean
  /** Whether bytes were read that nobody has taken yet. */
  readonly hasInput: boolean
  /** Goes on with what was read, and reads more. */
  advance(): void
  /** The client is behind: it has so long to take what was written. */
  awaitDrain(): void
  /** The response is complete; what comes of the request is read past. */
  discardRest(): void
  /** Nothing of the connection is read as a request any more: the socket, paused, what was read already in front. */
  handOver(): Socket
  /** Request and response are over. */
  finish(keepAlive: boolean): void
}

/** Up to here copying into one string is cheaper than a second write. */
const smallBodyBytes = 16 * 1024
const none: readonly string[] = []

export class EngineClientSide implements ClientSide {
  readonly method: string
  readonly target: string
  readonly fields: string[]
  /** gRPC needs HTTP/2. */
  readonly isGrpc = false
  readonly declaredBytes: number | undefined
  watcher: ClientWatcher | undefined
  /** Empty: it wants no WebSocket. */
  private readonly websocketKey: string
  private readonly host: EngineHost
  private readonly head: RequestHead
  private readonly decoder: ChunkedDecoder | undefined
  private bodyLeft: number
  private bodyDone: boolean
  private source: EngineBody | undefined
  private discarded = 0
  /** The client waits for a 100 before it sends the body. */
  private awaitsContinue: boolean
  private pendingHead = ''
  private isChunked = false
  private endsByClosing = false
  private keepAlive: boolean
  private bodyless = false
  private over = false
  private responseEnded = false

  constructor(host: EngineHost, head: RequestHead) {
    this.host = host
    this.head = head
    this.method = head.method
    this.target = head.target
    this.fields = head.fields.flat
    this.keepAlive = head.keepAlive
    this.declaredBytes = head.framing === 'chunked' ? undefined : head.framing === 'length' ? head.fields.contentLength : 0
    this.bodyLeft = this.declaredBytes ?? 0
    this.bodyDone = head.framing === 'none'
    this.decoder = head.framing === 'chunked' ? new ChunkedDecoder() : undefined
    // An HTTP/1.0 client knows no 100 (RFC 9110 §10.1.1).
    this.awaitsContinue = head.fields.expectsContinue && head.minor === 1 && !this.bodyDone
    this.websocketKey = head.fields.asksUpgrade ? (websocketKeyOf(head) ?? '') : ''
  }

  get httpVersion(): string {
    return this.head.minor === 1 ? '1.1' : '1.0'
  }

  get peerAddress(): string {
    return this.host.peerAddress
  }

  get localPort(): number {
    return this.host.localPort
  }

  get encrypted(): boolean {
    return this.host.encrypted
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.host.clientCertificate
  }

  get upgrade(): Upgrade | undefined {
    return this.websocketKey === '' ? undefined : 'websocket'
  }

  /** HTTP/1.0 has no place for them. */
  get acceptsTrailers(): boolean {
    return this.head.fields.acceptsTrailers && this.head.minor === 1
  }

  get isGone(): boolean {
    return this.over && !this.responseEnded
  }

  get isFlushed(): boolean {
    return this.host.socket.writableLength === 0
  }

  get awaitsBody(): boolean {
    return !this.bodyDone
  }

  body(onChunk: (bytesSoFar: number, piece: Uint8Array) => boolean): Readable {
    const source = new EngineBody(onChunk, () => this.onWanted())
    this.source = source
    if (this.bodyDone) source.finish(none)
    return source
  }

  sendHead(status: number, fields: string[], flush: boolean): void {
    this.bodyless = this.method === 'HEAD' || status < 200 || status === 204 || status === 304
    let text = statusLine(status)
    let hasLength = false
    let hasDate = false
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index]!
      if (name.length === 14 && isNamed(name, 'content-length')) {
        // RFC 9110 §8.6: never with 1xx and 204, where some clients wait for the bytes it promises.
        if (status < 200 || status === 204) continue
        hasLength = true
      } else if (name.length === 4 && isNamed(name, 'date')) hasDate = true
      else if (isFraming(name)) continue
      text = text + name + ': ' + fields[index + 1]! + '\r\n'
    }
    if (!hasDate) text += dateField()
    this.pendingHead = text + this.framingFields(hasLength)
    if (flush) this.writeHead()
  }

  send(chunk: Uint8Array): boolean {
    if (this.over || this.bodyless || chunk.length === 0) return true
    const { socket, writer } = this.host
    writer.flush()
    const before = this.isChunked ? `${this.pendingHead}${chunk.length.toString(16)}\r\n` : this.pendingHead
    this.pendingHead = ''
    if (before !== '') {
      socket.cork()
      socket.write(before, 'latin1')
    }
    let roomy = socket.write(chunk)
    if (this.isChunked) roomy = socket.write('\r\n', 'latin1')
    if (before !== '') socket.uncork()
    if (!roomy) this.host.awaitDrain()
    return roomy
  }

  end(chunk?: Uint8Array | string, trailers?: readonly string[]): void {
    if (this.over || this.responseEnded) return
    const hasBody = chunk !== undefined && chunk.length > 0 && !this.bodyless
    if (hasBody && !this.isChunked) this.endWith(chunk)
    else {
      if (hasBody) this.send(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
      const last = this.isChunked ? `0\r\n${this.trailerText(trailers)}\r\n` : ''
      if (this.pendingHead !== '' || last !== '') this.host.writer.writeSoon(this.pendingHead + last)
    }
    this.finishResponse()
  }

  /** The whole body as latin-1 text, its length told by the head: with that it is one write. */
  endText(body: string): void {
    if (this.over || this.responseEnded) return
    this.host.writer.writeSoon(this.bodyless ? this.pendingHead : this.pendingHead + body)
    this.finishResponse()
  }

  /** The answer to the client's own key (RFC 6455 §4.2.2), whatever became of it on the way. */
  switchProtocols(fields: string[]): Duplex {
    let text = statusLine(101)
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index]!.toLowerCase()
      if (!isFraming(name) && name !== 'content-length' && name !== 'sec-websocket-accept') text += `${fields[index]!}: ${fields[index + 1]!}\r\n`
    }
    this.responseEnded = true
    this.over = true
    const socket = this.host.handOver()
    socket.write(`${text}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${websocketAccept(this.websocketKey)}\r\n\r\n`, 'latin1')
    return socket
  }

  closeAfterwards(): void {
    this.keepAlive = false
  }

  destroy(): void {
    this.over = true
    this.source?.destroy()
    const { socket, writer, encrypted } = this.host
    writer.flush()
    // Where the connection's end is the response's end, only a reset tells the client that something is missing; under
    // TLS it is the missing close_notify, and a Unix socket knows no reset.
    if (this.endsByClosing && !encrypted && socket.remoteAddress !== undefined) socket.resetAndDestroy()
    else socket.destroy()
  }

  /** Takes body bytes of `input` from `from` on; answers where it stopped: at `from` when nobody wants any. */
  takeBody(input: Buffer, from: number): number {
    if (this.bodyDone || (!this.responseEnded && this.source?.isWanting !== true)) return from
    this.awaitsContinue = false
    return this.decoder === undefined ? this.takeLength(input, from) : this.takeChunks(input, from, this.decoder)
  }

  bodyTimedOut(): void {
    if (!this.bodyDone) this.breakOff('client.body_timeout', 'the body did not arrive in time')
  }

  /** The connection is gone. */
  gone(): void {
    if (this.over) return
    this.over = true
    if (!this.responseEnded) this.watcher?.onClientGone()
    if (!this.bodyDone) this.source?.fail(new Error('the client left before the body was complete'))
  }

  private onWanted(): void {
    if (this.awaitsContinue && !this.host.hasInput && !this.responseEnded) this.host.writer.write('HTTP/1.1 100 Continue\r\n\r\n')
    this.awaitsContinue = false
    this.host.advance()
  }

  private framingFields(hasLength: boolean): string {
    let text = ''
    if (!this.bodyless && !hasLength) {
      this.isChunked = this.head.minor === 1
      this.endsByClosing = !this.isChunked
      if (this.isChunked) text = 'Transfer-Encoding: chunked\r\n'
    }
    if (this.endsByClosing || this.host.isDraining || !this.canReadPast()) this.keepAlive = false
    if (!this.keepAlive) return `${text}Connection: close\r\n\r\n`
    return this.head.minor === 0 ? `${text}Connection: keep-alive\r\n\r\n` : `${text}\r\n`
  }

  /** Whether the next request can be found behind this one's body, should nobody want the rest of it. */
  private canReadPast(): boolean {
    return this.bodyDone || (!this.awaitsContinue && (this.decoder !== undefined || this.bodyLeft <= this.host.limits.maxDiscardBytes))
  }

  private trailerText(trailers: readonly string[] | undefined): string {
    if (trailers === undefined || trailers.length === 0 || !this.head.fields.acceptsTrailers) return ''
    const kept = passableTrailers(trailers)
    let text = ''
    for (let index = 0; index < kept.length; index += 2) text += `${kept[index]!}: ${kept[index + 1]!}\r\n`
    return text
  }

  private endWith(body: Uint8Array | string): void {
    const { socket, writer } = this.host
    if (this.pendingHead !== '' && typeof body !== 'string' && body.length <= smallBodyBytes) return writer.writeSoon(this.pendingHead + Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'))
    writer.flush()
    if (typeof body === 'string') socket.write(Buffer.from(this.pendingHead + body, 'utf8'))
    else if (this.pendingHead === '') socket.write(body)
    else {
      socket.cork()
      socket.write(this.pendingHead, 'latin1')
      socket.write(body)
      socket.uncork()
    }
  }

  private finishResponse(): void {
    this.pendingHead = ''
    this.responseEnded = true
    this.settle()
  }

  private writeHead(): void {
    if (this.pendingHead === '' || this.over) return
    this.host.writer.write(this.pendingHead)
    this.pendingHead = ''
  }

  private takeLength(input: Buffer, from: number): number {
    const end = Math.min(input.length, from + this.bodyLeft)
    this.bodyLeft -= end - from
    this.give(input.subarray(from, end))
    if (this.bodyLeft === 0) this.endBody(none)
    return end
  }

  private takeChunks(input: Buffer, from: number, decoder: ChunkedDecoder): number {
    const end = decoder.feed(input, from, (piece) => this.give(piece))
    if (decoder.state === 'bad') this.breakOff('client.bad_request', 'the chunked body is malformed')
    else if (decoder.state === 'done') this.endBody(decoder.trailers)
    return end
  }

  private give(piece: Buffer): void {
    if (!this.responseEnded) return this.source?.accept(piece)
    this.discarded += piece.length
    if (this.discarded > this.host.limits.maxDiscardBytes) {
      this.keepAlive = false
      this.settle()
    }
  }

  private endBody(trailers: readonly string[]): void {
    this.bodyDone = true
    this.source?.finish(trailers)
    if (this.responseEnded) this.settle()
  }

  /** The body will never be complete: nothing after it can be read as a request. */
  private breakOff(code: 'client.bad_request' | 'client.body_timeout', why: string): void {
    this.bodyDone = true
    this.keepAlive = false
    this.source?.fail(new Error(why))
    if (this.responseEnded) this.settle()
    else this.watcher?.onBadBody(code)
  }

  /** Both sides have to be through before the next request; the rest of a body that nobody wants is read past, up to a limit. */
  private settle(): void {
    if (this.over) return
    if (this.bodyDone || !this.keepAlive) {
      this.over = true
      this.source?.destroy()
      this.host.finish(this.keepAlive)
      return
    }
    this.source?.destroy()
    this.host.discardRest()
  }
}

/** Fields by which a connection frames its messages: the engine's alone, whatever a policy sets. */
function isFraming(name: string): boolean {
  if (name.length === 17) return isNamed(name, 'transfer-encoding')
  return name.length === 10 && isNamed(name, 'connection')
}
