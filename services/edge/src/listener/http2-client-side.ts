/**
 * `ClientSide` over one stream of an HTTP/2 connection: a small object, no stream of Node's. What the walk asks of a request and its response is
 * answered here; what of that goes out, and when, is decided in `http2-sending-half.ts`.
 */
import type { Duplex, Readable } from 'node:stream'
import { passableTrailers } from '@sluice/http'
import type { ClientCertificate } from '@sluice/policies/exchange'
import type { ClientSide, ClientWatcher, Upgrade } from './client-side.ts'
import { EngineBody } from './engine-body.ts'
import { Http2RequestBody, type BodyOwner } from './http2-request-body.ts'
import { Http2SendingHalf, type SendingHost } from './http2-sending-half.ts'
import { encodeHead, encodeTrailers, statusField } from './http2/field-encoder.ts'
import { dataHead, errorCodes } from './http2/frames.ts'
import type { Http2Request } from './http2/request-fields.ts'
import type { SessionStream } from './http2/session-stream.ts'
import { TunnelEnd } from './http2/tunnel-end.ts'

/** What a stream needs of the connection that it runs on. */
export interface Http2Host extends SendingHost {
  readonly peerAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  readonly clientCertificate: ClientCertificate | undefined
  /** How long a client may stay away with a body that is waited for, with taking what was sent, and go on with what nobody reads. */
  readonly limits: { readonly bodyMs: number; readonly sendMs: number; readonly discardMs: number }
}

const none: readonly string[] = []

export class Http2ClientSide extends Http2SendingHalf<Http2Host> implements ClientSide, SessionStream, BodyOwner {
  readonly httpVersion = '2.0'
  readonly method: string
  readonly target: string
  readonly fields: string[]
  readonly declaredBytes: number | undefined
  readonly upgrade: Upgrade | undefined
  watcher: ClientWatcher | undefined
  receiveWindow: number
  untold = 0
  private readonly request: Http2Request
  /** The client waits for a 100 before it sends the body. */
  private awaitsContinue: boolean
  /** undefined: the request has none. */
  private readonly incoming: Http2RequestBody | undefined
  private source: EngineBody | undefined
  private tunnel: TunnelEnd | undefined
  private bodyless = false
  /** The whole response was handed over. */
  private responseEnded = false
  private cutByUs = false

  constructor(host: Http2Host, id: number, request: Http2Request, isWhole: boolean, receiveWindow: number) {
    super(host, id)
    this.request = request
    this.method = request.method
    this.target = request.target
    this.fields = request.fields
    this.receiveWindow = receiveWindow
    this.awaitsContinue = request.expectsContinue && !isWhole
    this.upgrade = request.protocol === 'websocket' ? 'websocket' : undefined
    this.declaredBytes = isWhole || this.upgrade !== undefined ? 0 : request.contentLength < 0 ? undefined : request.contentLength
    this.incoming = isWhole ? undefined : new Http2RequestBody(this, this.upgrade === undefined ? request.contentLength : -1)
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

  get isGrpc(): boolean {
    return this.request.isGrpc
  }

  get acceptsTrailers(): boolean {
    return this.request.acceptsTrailers
  }

  get isGone(): boolean {
    return this.isOver && !this.responseEnded
  }

  get isAnswered(): boolean {
    return this.headSent
  }

  get isHalfClosed(): boolean {
    return this.incoming === undefined || this.incoming.isComplete
  }

  checkDeadline(now: number): void {
    if (now >= this.sendDeadlineAt) this.host.session.reset(this, errorCodes.cancel)
    else if (this.incoming !== undefined && now >= this.incoming.deadlineAt) this.bodyTimedOut()
  }

  // --- the request's body ---

  body(onChunk: (bytesSoFar: number, piece: Uint8Array) => boolean): Readable {
    const source = new EngineBody(onChunk, () => this.incoming?.onWanted())
    this.source = source
    if (this.incoming === undefined) source.finish(none)
    else this.incoming.readBy(source)
    return source
  }

  onBody(bytes: Buffer, from: number, to: number): boolean {
    return this.incoming!.take(bytes, from, to)
  }

  onBodyEnd(trailers: readonly string[]): boolean {
    if (!this.incoming!.complete(trailers)) return false
    if (this.responseEnded && this.endSent && this.unsent === undefined) this.over()
    return true
  }

  /** A gRPC call, and a WebSocket, is a conversation: a client that says nothing for a while may be listening. */
  get bodyMs(): number {
    return this.request.isGrpc || this.upgrade !== undefined ? Infinity : this.host.limits.bodyMs
  }

  onBodyTaken(bytes: number): void {
    this.host.session.giveBack(this, bytes)
  }

  onBodyWanted(): void {
    if (this.awaitsContinue && !this.headSent && !this.isOver) this.sendBlock(statusField(100), false)
    this.awaitsContinue = false
  }

  private bodyTimedOut(): void {
    if (this.responseEnded) return this.host.session.reset(this, errorCodes.none)
    this.incoming!.deadlineAt = Infinity
    this.source?.fail(new Error('the body did not arrive in time'))
    this.watcher?.onBadBody('client.body_timeout')
  }

  // --- the response ---

  sendHead(status: number, fields: string[], flush: boolean): void {
    if (this.isOver) return
    this.bodyless = this.method === 'HEAD' || status === 204 || status === 205 || status === 304
    const block = encodeHead(status, fields)
    // A field that HTTP/2 cannot carry: the client sees the stream fail, others are not touched.
    if (block === undefined) return this.destroy()
    this.head = block
    if (flush) this.writeHead(this.bodyless)
  }

  send(chunk: Uint8Array): boolean {
    if (this.isOver || this.bodyless || chunk.length === 0) return true
    this.writeHead(false)
    this.push(chunk)
    return this.takesMore()
  }

  end(chunk?: Uint8Array | string, trailers?: readonly string[]): void {
    if (this.responseEnded) return
    if (typeof chunk === 'string') return this.endText(Buffer.from(chunk, 'utf8').toString('latin1'), trailers)
    this.responseEnded = true
    if (this.isOver) return
    this.noteTrailers(trailers)
    const hasBody = chunk !== undefined && chunk.length > 0 && !this.bodyless
    this.writeHead(!hasBody && this.lastBlock === '')
    this.isEnding = true
    if (hasBody) this.push(chunk)
    else this.pump()
  }

  /** The whole body as latin-1 text. Where the windows have room for it, head and body are one text. */
  endText(body: string, trailers?: readonly string[]): void {
    if (this.responseEnded) return
    const { length } = body
    if (this.isOver || this.bodyless || length === 0 || trailers !== undefined || !this.hasRoomFor(length)) {
      return this.end(length === 0 ? undefined : Buffer.from(body, 'latin1'), trailers)
    }
    this.responseEnded = true
    this.writeHead(false)
    this.endSent = true
    this.host.session.noteSent(this, length, false)
    this.host.send(dataHead(length, true, this.id) + body)
    this.finish()
  }

  /** RFC 8441 §5: the stream carries what a connection would; nobody had to prove that they understood. */
  switchProtocols(fields: string[]): Duplex {
    const tunnel = new TunnelEnd({ onWanted: () => this.incoming?.onWanted(), push: (chunk) => this.pushTunnel(chunk), end: () => this.endTunnel(), destroy: () => this.host.session.reset(this, errorCodes.cancel) })
    this.responseEnded = true
    this.tunnel = tunnel
    if (this.incoming === undefined) tunnel.finish()
    else this.incoming.readBy(tunnel)
    const kept: string[] = []
    for (let at = 0; at < fields.length; at += 2) {
      // An answer in HTTP/1.1 has these.
      if (!/^(?:sec-websocket-accept|content-length)$/i.test(fields[at]!)) kept.push(fields[at]!, fields[at + 1]!)
    }
    const block = encodeHead(200, kept)
    if (this.isOver || block === undefined) return tunnel.destroy()
    this.head = block
    this.writeHead(false)
    return tunnel
  }

  /** Other streams of the connection have nothing to do with it: nothing but the rest of the body is given up. */
  closeAfterwards(): void {
    this.source?.destroy()
  }

  destroy(): void {
    this.cutByUs = true
    this.source?.destroy()
    this.host.session.reset(this, errorCodes.internal)
  }

  /** There is room for more. */
  onRoom(): void {
    this.pump()
    if ((this.responseEnded && this.tunnel === undefined) || !this.takesMore()) return
    this.sendDeadlineAt = Infinity
    this.host.session.sending.stopWaiting(this)
    if (this.tunnel !== undefined) this.tunnel.onRoom()
    else if (!this.responseEnded) this.watcher?.onClientDrain()
  }

  onBroken(): void {
    if (this.isOver) return
    this.isOver = true
    this.unsent = undefined
    this.sendDeadlineAt = Infinity
    this.incoming?.drop()
    this.source?.fail(new Error('the client left before the body was complete'))
    this.tunnel?.destroy()
    if (!this.responseEnded && !this.cutByUs) this.watcher?.onClientGone()
  }

  private noteTrailers(trailers: readonly string[] | undefined): void {
    if (trailers === undefined || trailers.length === 0 || !this.request.acceptsTrailers || this.bodyless || this.endSent) return
    this.lastBlock = encodeTrailers(passableTrailers(trailers)) ?? ''
  }

  protected onAllSent(): void {
    if (this.isHalfClosed) this.over()
    else if (this.tunnel === undefined) this.leaveBody()
  }

  private over(): void {
    this.isOver = true
    if (this.tunnel === undefined && this.incoming?.isKept === true) {
      this.source?.destroy()
      this.incoming.drop()
    }
    this.host.session.end(this)
  }

  /**
   * The client is told to stop sending what nobody reads (RFC 9113 §8.1); but gRPC clients take that for the end of the call: they
   * stop by themselves once they have read how it ended.
   */
  private leaveBody(): void {
    const incoming = this.incoming!
    this.source?.destroy()
    incoming.drop()
    if (this.request.isGrpc) incoming.deadlineAt = performance.now() + this.host.limits.discardMs
    else this.host.session.reset(this, errorCodes.none)
  }

  private pushTunnel(chunk: Uint8Array): boolean {
    if (this.isOver) return true
    this.push(chunk)
    return this.takesMore()
  }

  private endTunnel(): void {
    if (this.isOver) return
    this.isEnding = true
    this.pump()
  }
}
